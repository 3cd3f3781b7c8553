/** Calls for jobs: speech that the server makes in the background, books among it. */

import { call, postJson } from "./api.js";
import { wordsFor } from "./errors.js";
import { firstWords } from "./speech.js";
import { voiceName } from "./voices.js";

/**
 * @typedef {{number: number, title: string, sentences: number, done: number, state: string}} Chapter
 * @typedef {{id: string, state: string, created_at: number, voice: string, response_format: string,
 *   preview: string, timestamps: boolean, seconds_left: number | null,
 *   progress: {sentences: number, done: number, skipped: number},
 *   book: {title: string, author: string, language: string} | null, chapters: Chapter[] | null,
 *   error: {code: string, message: string} | null, waiting_for: string | null, expires_at: number | null,
 *   notes?: string[]}} Job
 */

const JOBS = "v1/jobs";
const PAGE_SIZE = 20;
/** Milliseconds. The server tells whole seconds, and a job is made after the speeches of its second. */
const END_OF_SECOND = 999;
const FINAL = new Set(["completed", "failed", "cancelled"]);
/** Formats that browsers cannot play. */
const UNPLAYABLE = new Set(["zip", "pcm"]);
/** Formats of a whole book; its chapters are MP3. */
export const BOOK_FORMATS = new Set(["m4b", "zip"]);

/** @param {Job} job */
export const isFinal = (job) => FINAL.has(job.state);
/** @param {Job} job */
export const isPlayable = (job) => job.state === "completed" && !UNPLAYABLE.has(job.response_format);
/** @param {string} id of a speech or job. */
export const isJob = (id) => id.startsWith("job_");
/** @param {string} id */
export const pathOf = (id) => `${JOBS}/${encodeURIComponent(id)}`;

/**
 * @param {string} [after] id of the last job of the page before.
 * @returns {Promise<{data: Job[], has_more: boolean}>} newest first.
 */
export async function jobsAfter(after) {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(after && { after }) });
  return (await call(`${JOBS}?${query}`)).json();
}

/**
 * @param {string} id
 * @returns {Promise<Job>} with the chapters of a book.
 */
export async function jobOf(id) {
  return (await call(pathOf(id))).json();
}

/**
 * @param {{input: string, voice: string, speed: number, response_format: string}} spec
 * @returns {Promise<Job>}
 */
export async function newJob(spec) {
  return (await postJson(JOBS, { ...spec, timestamps: true })).json();
}

/**
 * @param {File} file an EPUB or HTML file.
 * @param {{voice: string, speed: number, response_format: string, chapters: string}} spec
 * @returns {Promise<Job>}
 */
export async function newBook(file, { voice, speed, response_format, chapters }) {
  const form = new FormData();
  form.set("file", file);
  const fields = { voice, speed: String(speed), response_format, timestamps: "true" };
  Object.entries(fields).forEach(([name, value]) => form.set(name, value));
  if (chapters) {
    form.set("chapters", chapters);
  }
  return (await call(JOBS, { method: "POST", body: form })).json();
}

/**
 * @param {string} id of a completed job with word times.
 * @returns {Promise<import("./speech.js").Sentence[]>} its captions, as sentences.
 */
export async function captionsOf(id) {
  const { captions } = await (await call(`${pathOf(id)}/captions?format=json`)).json();
  return captions.map((/** @type {any} */ { text, start, end, words }) => ({
    text: text.replace(/\n/g, " "), start, end, words, seed: 0, plots: null,
  }));
}

/**
 * @param {Job} job
 * @returns {string} the title of a book, or the first words.
 */
export const titleOf = (job) => job.book?.title || firstWords(job.preview);

/**
 * @param {Job} job
 * @returns {import("./history_row.js").Facts} what its row in the history shows.
 */
export function factsOf(job) {
  const { state, voice, created_at, response_format, progress, seconds_left, error, waiting_for } = job;
  const { done, sentences, skipped } = progress;
  const notes = [{ key: `history.state.${state}`, values: { done, sentences, format: response_format.toUpperCase() } }];
  if (seconds_left !== null && !isFinal(job)) {
    const minutes = Math.ceil(seconds_left / 60);
    notes.push({ key: minutes > 1 ? "history.minutesLeft" : "history.minuteLeft", values: /** @type {any} */ ({ minutes }) });
  }
  if (skipped > 0) {
    notes.push({ key: "history.skipped", values: /** @type {any} */ ({ skipped }) });
  }
  if (waiting_for) {
    notes.push({ key: "history.delayed", values: /** @type {any} */ ({}) });
  }
  return {
    title: titleOf(job), voice: voiceName(voice), time: created_at * 1000 + END_OF_SECOND, notes,
    problem: error ? { key: wordsFor(error.code), message: error.message } : null,
    messages: job.notes ?? [], progress: isFinal(job) ? null : done / (sentences || 1),
    playable: isPlayable(job), savable: state === "completed", ended: isFinal(job),
  };
}
