/** Calls to the voice library. */

import { call } from "./api.js";

/**
 * @typedef {{id: string, name: string, preset: boolean, created_at: number}} Voice
 * @typedef {Voice & {consent: string, samples: import("./verdict.js").Verdict[]}} VoiceDetails
 * @typedef {{name: string, blob: Blob}} Sample
 */

const VOICES = "v1/audio/voices";

/** @param {string} id */
const path = (id) => `${VOICES}/${encodeURIComponent(id)}`;

/**
 * @param {string} method
 * @param {unknown} body
 */
function json(method, body) {
  const headers = { "Content-Type": "application/json" };
  return { method, headers, body: JSON.stringify(body) };
}

/** @returns {Promise<Voice[]>} the presets first. */
export async function listVoices() {
  return (await (await call(VOICES)).json()).voices;
}

/**
 * @param {string} id
 * @returns {Promise<VoiceDetails>}
 */
export async function voiceDetails(id) {
  return (await call(path(id))).json();
}

/**
 * @param {string} name
 * @param {string} consent
 * @param {Sample[]} samples
 * @returns {Promise<VoiceDetails>}
 */
export async function saveVoice(name, consent, samples) {
  const form = formOf(samples);
  form.set("name", name);
  form.set("consent", consent);
  return (await call(VOICES, { method: "POST", body: form })).json();
}

/**
 * @param {Sample[]} samples
 * @param {AbortSignal} signal
 * @returns {Promise<import("./verdict.js").SampleCheck[]>}
 */
export async function checkSamples(samples, signal) {
  const options = { method: "POST", body: formOf(samples), signal };
  return (await (await call(`${VOICES}/check`, options)).json()).samples;
}

/** @param {Sample[]} samples */
function formOf(samples) {
  const form = new FormData();
  for (const { name, blob } of samples) {
    form.append("audio_sample", blob, name);
  }
  return form;
}

/**
 * @param {string} id
 * @param {string} name
 */
export function renameVoice(id, name) {
  return call(path(id), json("PATCH", { name }));
}

/** @param {string} id */
export function deleteVoice(id) {
  return call(path(id), { method: "DELETE", keepalive: true }); // also while the page is left
}

/**
 * @param {string} id
 * @returns {Promise<any>} the voice's file.
 */
export async function exportVoice(id) {
  return (await call(`${path(id)}/file`)).json();
}

/**
 * @param {any} file of a voice.
 * @returns {Promise<VoiceDetails>}
 */
export async function importVoice(file) {
  return (await call(VOICES, json("POST", file))).json();
}
