/**
 * What the browser keeps for the history: the last short speeches with their sound, and what jobs
 * were asked for. Changes are told to this page and to the other tabs.
 */

import { get, getAll, put, remove } from "./database.js";
import { Speech } from "./speech.js";

const MAX_SPEECHES = 50;

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("better-api") : null;
/** @type {() => void} */
let onKept = () => {};

/** @returns {Promise<any[]>} the records of `Speech.toRecord`, newest first. */
export async function keptSpeeches() {
  return (await getAll("speeches")).sort((one, other) => other.createdAt - one.createdAt);
}

/**
 * @param {string} id
 * @returns {Promise<Speech | null>} null if it is not kept any more.
 */
export async function keptSpeech(id) {
  const [record, sound] = await Promise.all([get("speeches", id), get("sounds", id)]);
  return record && sound ? Speech.fromRecord(record, sound) : null;
}

/** @param {Speech} speech */
export async function keep(speech) {
  const record = speech.toRecord();
  const plots = speech.sentences.map((sentence) => sentence.plots);
  const sound = { id: speech.id, samples: speech.track.received.slice(), plots };
  await put({ sounds: sound, speeches: record });
  for (const { id } of (await keptSpeeches()).slice(MAX_SPEECHES)) {
    await forget(id);
  }
  onKept();
  tell("speech", speech.id);
}

/** @param {string} id of a speech. */
export async function forget(id) {
  await remove(["speeches", "sounds"], id);
  tell("gone", id);
}

/**
 * @param {string} id of a job.
 * @param {{input: string, voice: string, speed: number, response_format: string}} spec
 */
export const keepJob = (id, spec) => put({ jobs: { id, spec } });
/** @param {string} id of a job that this browser may have asked for. */
export const keptJob = async (id) => (await get("jobs", id))?.spec ?? null;
/** @param {string} id of a job. */
export const forgetJob = (id) => remove(["jobs"], id);

/**
 * Tells the other tabs of this page.
 * @param {"speech" | "job" | "gone" | "hidden" | "shown"} type
 * @param {string} id of the speech or job.
 */
export function tell(type, id) {
  channel?.postMessage({ type, id });
}

/** @param {() => void} listener called after this page has kept a speech. */
export function afterKeeping(listener) {
  onKept = listener;
}

/** @param {(type: string, id: string) => void} listener for what another tab tells. */
export function onTold(listener) {
  channel?.addEventListener("message", ({ data }) => listener(data.type, data.id));
}
