/** The recordings for a new voice. They are kept in the browser until the voice is saved. */

import { ApiError } from "./api.js";
import { get, put, remove } from "./database.js";
import { unusable } from "./verdict.js";
import { checkSamples } from "./voice_calls.js";

/**
 * @typedef {import("./voice_calls.js").Sample} Sample
 * @typedef {import("./verdict.js").SampleCheck} SampleCheck
 */

const UNSAVED = "unsaved"; // id of their entry

/** @type {Sample[]} */
let samples = [];
/** @type {Promise<SampleCheck[]> | null} */
let checking = null;
let abort = new AbortController();
let recordings = 0; // numbers the recordings' names

export const allSamples = () => samples;

/** Brings back the samples of an earlier visit. */
export async function restoreSamples() {
  const found = await get("samples", UNSAVED);
  if (found && samples.length === 0) {
    samples = found.value;
    recordings = samples.length;
  }
}

/** @param {Sample[]} added */
export function addSamples(added) {
  return change([...samples, ...added]);
}

/** @param {Blob} blob a WAV file. */
export function addRecording(blob) {
  recordings += 1;
  return addSamples([{ name: `recording-${recordings}.wav`, blob }]);
}

/** @param {Sample} sample */
export function removeSample(sample) {
  return change(samples.filter((other) => other !== sample));
}

export function clearSamples() {
  return change([]);
}

/** @param {Sample[]} changed */
async function change(changed) {
  samples = changed;
  abort.abort();
  checking = null;
  await (samples.length ? put({ samples: { id: UNSAVED, value: samples } }) : remove(["samples"], UNSAVED));
}

/**
 * The server's verdicts, in the order of the samples. Asked for once, until the samples change.
 * @returns {Promise<SampleCheck[]>}
 * @throws {import("./api.js").ApiError} and an AbortError once the samples have changed.
 */
export function verdicts() {
  if (!checking) {
    abort = new AbortController();
    checking = checkedByServer(samples, abort.signal);
    checking.catch(() => {
      checking = null;
    });
  }
  return checking;
}

/**
 * @param {Sample[]} unchecked
 * @param {AbortSignal} signal
 */
async function checkedByServer(unchecked, signal) {
  try {
    return await checkSamples(unchecked, signal);
  } catch (error) {
    if (error instanceof ApiError && error.code === "unusable_samples") {
      return unchecked.map(({ name }) => unusable(name, error.message));
    }
    throw error;
  }
}
