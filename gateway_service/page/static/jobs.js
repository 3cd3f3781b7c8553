/** The list of jobs: texts of any length, made in the background. */

import { call, eventsOf, postJson } from "./api.js";
import { confirmed } from "./confirm.js";
import { download } from "./download.js";
import { element, input } from "./elements.js";
import { JobRow } from "./job_row.js";
import { setText } from "./language.js";
import { hideProblem, showProblem } from "./problems.js";
import { chosenVoice } from "./voices.js";

/** @typedef {import("./job_row.js").Job} Job */

const JOBS = "v1/jobs";
const PAGE = 20;
const MAX_FOLLOWED = 3; // a browser has six connections to a server, and there is more to do
const RETRY_MILLISECONDS = 5000;

const pathOf = (/** @type {JobRow} */ { job }) => `${JOBS}/${encodeURIComponent(job.id)}`;

/** @type {JobRow[]} The newest first. */
let rows = [];
/** @type {Set<string>} Ids of jobs whose events are being read. */
const followed = new Set();

export function setUpJobs() {
  element("jobs-more").addEventListener("click", () => addPage(rows.at(-1)?.job.id));
}

export async function showJobs() {
  rows = [];
  element("jobs").replaceChildren();
  await addPage();
}

/** @param {string} [after] id of the job after which the list goes on. */
async function addPage(after) {
  const query = new URLSearchParams({ limit: String(PAGE), ...(after && { after }) });
  await orProblem(async () => {
    const page = await (await call(`${JOBS}?${query}`)).json();
    const made = /** @type {Job[]} */ (page.data).map(row);
    rows.push(...made);
    element("jobs").append(...made.map(({ item }) => item));
    element("jobs-more").hidden = !page.has_more;
    setText(element("jobs-status"), rows.length ? "" : "jobs.none");
    follow();
  });
}

/**
 * @param {string} text
 * @param {number} speed
 */
export async function startJob(text, speed) {
  const place = element("later-problem");
  const format = input("job-format").value;
  hideProblem(place);
  setText(element("jobs-status"), rows.length ? "" : "jobs.none");
  try {
    const order = { input: text, speed, voice: await chosenVoice(), response_format: format };
    const made = row(await (await postJson(JOBS, order)).json());
    rows.unshift(made);
    element("jobs").prepend(made.item);
    setText(element("jobs-status"), "jobs.taken");
    element("jobs-title").focus();
    follow();
  } catch (error) {
    showProblem(place, error);
  }
}

/** @param {Job} job */
function row(job) {
  return new JobRow(job, { onDownload: save, onCancel: cancel, onDelete: remove });
}

/** Reads the events of the oldest that are not final: those are next. */
function follow() {
  const active = rows.filter(({ isFinal }) => !isFinal).reverse();
  for (const next of active.slice(0, MAX_FOLLOWED)) {
    if (!followed.has(next.job.id)) {
      readEvents(next);
    }
  }
}

/** @param {JobRow} row */
async function readEvents(row) {
  const { id } = row.job;
  followed.add(id);
  while (rows.includes(row) && !row.isFinal) {
    await orProblem(async () => {
      for await (const job of eventsOf(await call(`${pathOf(row)}/events`))) {
        hideProblem(element("jobs-problem"));
        update(row, job);
      }
    });
    if (!row.isFinal) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }
  followed.delete(id);
  follow();
}

/**
 * @param {JobRow} row
 * @param {Job} job
 */
function update(row, job) {
  const { state } = row.job;
  row.update(job);
  if (job.state !== state) {
    setText(element("jobs-status"), `jobs.now.${job.state}`, { preview: row.name });
  }
}

/** @param {JobRow} row */
async function save(row) {
  row.downloading = true;
  await orProblem(async () => {
    const sound = await (await call(`${pathOf(row)}/audio`)).blob();
    download(sound, `${row.job.id}.${row.job.response_format}`);
  });
  row.downloading = false;
}

/** @param {JobRow} row */
async function cancel(row) {
  if (await confirmed("jobs.confirmCancel", "jobs.yesCancel", { preview: row.name })) {
    await end(row);
  }
}

/** @param {JobRow} row */
async function remove(row) {
  if (await confirmed("jobs.confirmDelete", "jobs.delete", { preview: row.name })) {
    await end(row);
  }
}

/**
 * The server cancels what is not final yet, and deletes what is.
 * @param {JobRow} row
 */
async function end(row) {
  await orProblem(async () => {
    const answer = await (await call(pathOf(row), { method: "DELETE" })).json();
    if (!answer.deleted) {
      update(row, answer);
      return;
    }
    row.item.remove();
    rows = rows.filter((other) => other !== row);
    setText(element("jobs-status"), rows.length ? "jobs.deleted" : "jobs.none");
    element("jobs-title").focus();
  });
}

/** @param {() => Promise<void>} work */
async function orProblem(work) {
  try {
    await work();
    hideProblem(element("jobs-problem"));
  } catch (error) {
    showProblem(element("jobs-problem"), error);
  }
}
