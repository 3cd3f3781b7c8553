/** The history: short speeches, which the browser keeps, and jobs, which the server keeps. */

import { call, eventsOf, KEY } from "./api.js";
import { confirmed, element } from "./dom.js";
import { filesOfJob, filesOfSpeech } from "./downloads.js";
import { hideError, showError } from "./errors.js";
import { HistoryRow } from "./history_row.js";
import { BOOK_FORMATS, factsOf, isFinal, isJob, isPlayable, jobOf, jobsAfter, newJob, pathOf, titleOf } from "./jobs.js";
import { afterKeeping, forget, forgetJob, keepJob, keptJob, keptSpeech, keptSpeeches, onTold, tell } from "./kept.js";
import { setText } from "./language.js";
import { player } from "./player.js";
import { hideResult, isShown, playChapter, showJob, SHOWN, showSpeech } from "./result.js";
import { firstWords, newSeed } from "./speech.js";
import { speakRequest, stopReceiving } from "./speech_form.js";
import { stored } from "./storage.js";
import { Undo } from "./undo.js";
import { onVoicesListed } from "./voices.js";

/** @typedef {import("./jobs.js").Job} Job */

const MAX_FOLLOWED = 3; // browsers open six connections to a server; leave some for other calls
const RETRY_MILLISECONDS = 5000;
const ROWS = 10; // shown at first, and more at each click

/** @type {Map<string, HistoryRow>} */
const rows = new Map();
/** @type {Map<string, Job>} */
const jobs = new Map();
/** Ids of the jobs whose events are being read. */
const followed = new Set();
/** Ids that were deleted, here or in another tab. */
const hidden = new Set();
let more = false; // whether the server has older jobs
let limit = ROWS; // rows to show
/** @type {Undo} */
let undo;

export function setUpHistory() {
  element("history-more").addEventListener("click", showOlder);
  undo = new Undo("history");
  player.addEventListener("change", showPlaying);
  onVoicesListed(() => jobs.forEach((job, id) => rows.get(id)?.update(factsOf(job))));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      showHistory(); // other devices make jobs too
    }
  });
  afterKeeping(() => showErrorOf(showSpeeches));
  onTold((type, id) => {
    if (type === "hidden" || type === "gone") {
      hide(id);
    } else {
      if (type === "shown") {
        hidden.delete(id);
      }
      showErrorOf(type === "speech" ? showSpeeches : showAll);
    }
  });
}

/**
 * Shows the speech or job that was on the page, or the last speech of this browser.
 * @param {Promise<void>} listed when the voices have their names.
 */
export async function showLast(listed) {
  const shown = stored(SHOWN) ?? "";
  const job = isJob(shown) ? await jobOf(shown).catch(() => null) : null;
  if (job && isPlayable(job)) {
    await listed;
    if (!player.item) {
      await showJob(job);
      if (!stored(KEY)) {
        player.prepare(); // not awaited; with a key it would fetch a large file whole
      }
    }
    return;
  }
  const [last] = await keptSpeeches();
  const speech = (await keptSpeech(shown)) ?? (last ? await keptSpeech(last.id) : null);
  if (speech && !player.item) {
    showSpeech(speech);
  }
}

export function showHistory() {
  return showErrorOf(showAll);
}

async function showAll() {
  await showSpeeches();
  const page = await jobsAfter();
  page.data.forEach(addJob);
  const oldest = page.has_more ? Number(page.data.at(-1)?.created_at) : 0;
  dropAllBut(new Set(page.data.map(({ id }) => id)), (id) => (jobs.get(id)?.created_at ?? 0) > oldest);
  more ||= page.has_more && jobs.size <= page.data.length;
  settle();
  follow();
  await addBooks(page.data);
}

/** The short speeches, which this browser keeps. */
async function showSpeeches() {
  const records = await keptSpeeches();
  records.forEach(showRecord);
  dropAllBut(new Set(records.map(({ id }) => id)), (id) => !jobs.has(id));
  settle();
}

/**
 * Drops rows of what was deleted elsewhere.
 * @param {Set<string>} existing
 * @param {(id: string) => boolean} isConcerned whether the row would be among the existing ones.
 */
function dropAllBut(existing, isConcerned) {
  for (const [id, row] of rows) {
    if (isConcerned(id) && !existing.has(id)) {
      row.item.remove();
      rows.delete(id);
      jobs.delete(id);
    }
  }
}

async function showOlder() {
  limit += ROWS;
  settle();
  if (more && rows.size < limit) {
    const button = element("history-more");
    button.ariaBusy = "true";
    await showErrorOf(addOlderJobs);
    button.ariaBusy = "false";
  }
}

async function addOlderJobs() {
  const oldest = [...jobs.values()].sort((one, other) => one.created_at - other.created_at)[0];
  const page = await jobsAfter(oldest?.id);
  page.data.forEach(addJob);
  more = page.has_more;
  settle();
  follow();
}

/** @param {Job[]} listed a list has no chapters and no titles. */
async function addBooks(listed) {
  for (const { id, response_format } of listed) {
    if (BOOK_FORMATS.has(response_format) && !jobs.get(id)?.book) {
      addJob(await jobOf(id));
    }
  }
}

/** Puts the rows in order, newest first, and says if there are none. */
function settle() {
  const list = element("history-list");
  const sorted = [...rows.values()].sort((one, other) => other.time - one.time);
  sorted.forEach((row, index) => {
    if (list.children[index] !== row.item) {
      list.insertBefore(row.item, list.children[index] ?? null);
    }
    row.item.hidden = index >= limit;
  });
  element("history-none").hidden = sorted.length > 0;
  element("history-more").hidden = !more && sorted.length <= limit;
  showPlaying();
}

function showPlaying() {
  for (const row of rows.values()) {
    const id = player.playing ? (player.item?.id ?? "") : "";
    row.playing = id === row.id;
    row.playingChapter = id.startsWith(`${row.id}/`) ? Number(id.slice(row.id.length + 1)) : 0;
  }
}

/** @param {any} record of a speech. */
function showRecord(record) {
  if (hidden.has(record.id)) {
    return;
  }
  const { id, request, voiceName, createdAt, state, seconds } = record;
  const load = async () => {
    const speech = await keptSpeech(id);
    if (!speech) {
      throw new Error(`no speech ${id}`);
    }
    return speech;
  };
  const row =
    rows.get(id) ??
    new HistoryRow(id, {
      onPlay: () => playOr(id, async () => showSpeech(await load())),
      files: () => filesOfSpeech(record, load),
      onRedo: () => speakRequest({ ...request, seed: newSeed() }, voiceName),
      onDelete: () => removeLater(id, () => forget(id)),
      onCancel: () => {},
      onError: fail,
    });
  rows.set(id, row);
  const note = state === "done" ? "history.seconds" : "history.part";
  row.update({
    title: firstWords(request.text), voice: voiceName, time: createdAt, notes: [{ key: note, values: { seconds } }],
    problem: null, messages: [], progress: null, playable: true, savable: true, ended: true,
  });
}

/**
 * Adds a job, or what has changed of it.
 * @param {Job} job
 */
function addJob(job) {
  if (hidden.has(job.id)) {
    return;
  }
  const before = jobs.get(job.id);
  job.book ??= before?.book ?? null;
  job.chapters ??= before?.chapters ?? null;
  if (!job.notes?.length) {
    job.notes = before?.notes;
  }
  jobs.set(job.id, job);
  const row = rows.get(job.id) ?? newRow(job);
  rows.set(job.id, row);
  row.update(factsOf(job));
  if (job.chapters) {
    row.showChapters(job.chapters, (chapter) => playChapter(jobNow(job.id), chapter));
  }
  if (before && before.state !== job.state) {
    setText(element("history-status"), `history.now.${job.state}`, { title: titleOf(job) });
  }
}

/** @param {Job} job */
function newRow({ id }) {
  const row = new HistoryRow(id, {
    onPlay: () => playOr(id, () => showJob(jobNow(id))),
    files: () => filesOfJob(jobNow(id)),
    onRedo: () => redoJob(id),
    onDelete: () => removeLater(id, () => deleteJob(id)),
    onCancel: () => cancel(id),
    onError: fail,
  });
  row.redoable = false;
  keptJob(id).then((spec) => (row.redoable = Boolean(spec)));
  return row;
}

/** @param {string} id */
const jobNow = (id) => /** @type {Job} */ (jobs.get(id));

/** Follows the oldest jobs that are not final: the server works on those next. */
function follow() {
  const active = [...jobs.values()].filter((job) => !isFinal(job));
  active.sort((one, other) => one.created_at - other.created_at);
  for (const { id } of active.slice(0, MAX_FOLLOWED)) {
    if (!followed.has(id)) {
      readEvents(id);
    }
  }
}

/**
 * Follows a job until it is final, and reconnects when the connection breaks.
 * @param {string} id
 */
async function readEvents(id) {
  followed.add(id);
  while (rows.has(id) && !isFinal(jobNow(id))) {
    await showErrorOf(async () => {
      for await (const job of eventsOf(await call(`${pathOf(id)}/events`))) {
        hideError(element("history-error"));
        addJob(job);
      }
    });
    if (rows.has(id) && !isFinal(jobNow(id))) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }
  followed.delete(id);
  follow();
}

/**
 * Plays what is on the page, or puts it there first.
 * @param {string} id
 * @param {() => Promise<void>} show
 */
async function playOr(id, show) {
  await showErrorOf(async () => {
    if (isShown(id) && player.item?.id === id) {
      await player.toggle();
      return;
    }
    const shown = show();
    if (jobs.has(id)) {
      player.play(0); // the text of a job may come later
    }
    await shown;
    if (!jobs.has(id)) {
      await player.play(0);
    }
  });
}

/**
 * @param {Job} job that was just asked for.
 * @param {{input: string, voice: string, speed: number, response_format: string} | null} spec to
 *   make it again; null for a file, which the page does not keep.
 */
export async function addNewJob(job, spec) {
  if (spec) {
    await keepJob(job.id, spec);
  }
  addJob(job);
  settle();
  setText(element("history-status"), "history.taken");
  tell("job", job.id);
  follow();
}

/** @param {string} id */
async function redoJob(id) {
  const spec = await keptJob(id);
  await addNewJob(await newJob(spec), spec);
}

/** @param {string} id */
async function cancel(id) {
  if (await confirmed("history.confirmCancel", "history.yesCancel", { title: titleOf(jobNow(id)) })) {
    await showErrorOf(async () => {
      const response = await (await call(pathOf(id), { method: "DELETE" })).json();
      if (!response.deleted) {
        addJob(response);
      }
      tell("job", id);
    });
  }
}

/** @param {string} id */
async function deleteJob(id) {
  await call(pathOf(id), { method: "DELETE", keepalive: true }); // also while the page is left
  jobs.delete(id);
  await forgetJob(id);
  tell("gone", id);
}

/**
 * @param {string} id
 * @param {() => Promise<void>} commit
 */
function removeLater(id, commit) {
  const show = async () => {
    hidden.delete(id);
    tell("shown", id);
    await showHistory();
  };
  hide(id);
  tell("hidden", id);
  undo.offer({ show, focus: () => rows.get(id)?.focusDelete(), commit });
}

/** @param {string} id */
function hide(id) {
  hidden.add(id);
  stopReceiving(id);
  rows.get(id)?.item.remove();
  rows.delete(id);
  hideResult(id);
  settle();
}

const fail = (/** @type {unknown} */ error) => showError(element("history-error"), error);

/** @param {() => Promise<void>} work */
async function showErrorOf(work) {
  try {
    await work();
    hideError(element("history-error"));
  } catch (error) {
    fail(error);
  }
}
