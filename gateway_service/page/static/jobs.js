/** The list of jobs: texts of any length, spoken in the background. */

import { call, eventsOf, postJson } from "./api.js";
import { confirmed, download, element, input } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { JobRow } from "./job_row.js";
import { setText } from "./language.js";
import { selectedVoice } from "./voices.js";

/** @typedef {import("./job_row.js").Job} Job */

const JOBS = "v1/jobs";
const PAGE_SIZE = 20;
const MAX_FOLLOWED = 3; // browsers open six connections to a server; leave some for other calls
const RETRY_MILLISECONDS = 5000;

const pathOf = (/** @type {JobRow} */ { job }) => `${JOBS}/${encodeURIComponent(job.id)}`;

/** @type {JobRow[]} Newest first. */
let rows = [];
/** @type {Set<string>} Ids of the jobs whose events are being read. */
const followed = new Set();

export function setUpJobs() {
  element("jobs-more").addEventListener("click", () => addPage(rows.at(-1)?.job.id));
}

export async function showJobs() {
  rows = [];
  element("jobs").replaceChildren();
  await addPage();
}

/** @param {string} [after] id of the last job on the page before. */
async function addPage(after) {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(after && { after }) });
  await showErrorOf(async () => {
    const page = await (await call(`${JOBS}?${query}`)).json();
    const added = /** @type {Job[]} */ (page.data).map(newRow);
    rows.push(...added);
    element("jobs").append(...added.map(({ item }) => item));
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
  const alert = element("later-error");
  const format = input("job-format").value;
  hideError(alert);
  setText(element("jobs-status"), rows.length ? "" : "jobs.none");
  try {
    const spec = { input: text, speed, voice: await selectedVoice(), response_format: format };
    const row = newRow(await (await postJson(JOBS, spec)).json());
    rows.unshift(row);
    element("jobs").prepend(row.item);
    setText(element("jobs-status"), "jobs.taken");
    element("jobs-title").focus();
    follow();
  } catch (error) {
    showError(alert, error);
  }
}

/** @param {Job} job */
function newRow(job) {
  return new JobRow(job, { onDownload: save, onCancel: cancel, onDelete: remove });
}

/** Follows the oldest jobs that are not final: the server works on those next. */
function follow() {
  const active = rows.filter(({ isFinal }) => !isFinal).reverse();
  for (const next of active.slice(0, MAX_FOLLOWED)) {
    if (!followed.has(next.job.id)) {
      readEvents(next);
    }
  }
}

/**
 * Follows a job until it is final, and reconnects when the connection breaks.
 * @param {JobRow} row
 */
async function readEvents(row) {
  const { id } = row.job;
  followed.add(id);
  while (rows.includes(row) && !row.isFinal) {
    await showErrorOf(async () => {
      for await (const job of eventsOf(await call(`${pathOf(row)}/events`))) {
        hideError(element("jobs-error"));
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
  await showErrorOf(async () => {
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
 * Sends DELETE: the server cancels a job that is not final, and deletes one that is.
 * @param {JobRow} row
 */
async function end(row) {
  await showErrorOf(async () => {
    const response = await (await call(pathOf(row), { method: "DELETE" })).json();
    if (!response.deleted) {
      update(row, response);
      return;
    }
    row.item.remove();
    rows = rows.filter((other) => other !== row);
    setText(element("jobs-status"), rows.length ? "jobs.deleted" : "jobs.none");
    element("jobs-title").focus();
  });
}

/** @param {() => Promise<void>} work */
async function showErrorOf(work) {
  try {
    await work();
    hideError(element("jobs-error"));
  } catch (error) {
    showError(element("jobs-error"), error);
  }
}
