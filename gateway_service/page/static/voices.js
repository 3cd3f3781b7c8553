/** The list of voices: one is selected; all but the presets can be deleted. */

import { ApiError, call } from "./api.js";
import { confirmed, element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setLabel, setText } from "./language.js";
import { store, stored } from "./storage.js";

/** @typedef {{id: string, name: string, preset: boolean}} Voice */

const VOICES = "v1/audio/voices";
const SELECTED = "voice";

/** @type {Voice[]} */
let voices = [];
/** @type {((id: string) => void)[]} */
const listeners = [];

/** @param {(id: string) => void} listener called with the id of the voice after each choice. */
export function onVoiceChange(listener) {
  listeners.push(listener);
}

/**
 * @param {string} id
 * @returns {string} its name, or the id of a voice that is gone.
 */
export function voiceName(id) {
  return voices.find((voice) => voice.id === id)?.name ?? id;
}

/** @param {string} id */
function choose(id) {
  store(SELECTED, id, { persistent: true });
  for (const radio of document.querySelectorAll("input[name=voice]")) {
    const button = /** @type {HTMLInputElement} */ (radio);
    button.checked = button.value === id;
  }
  picker().value = id;
  listeners.forEach((listener) => listener(id));
}

function picker() {
  return /** @type {HTMLSelectElement} */ (element("voice-select"));
}

export function setUpVoices() {
  picker().addEventListener("change", () => choose(picker().value));
}

/**
 * @returns {Promise<string>} id
 * @throws {ApiError} if the list could not be had.
 */
export async function selectedVoice() {
  if (!checked()) {
    await showVoices();
  }
  const radio = checked();
  if (!radio) {
    throw new ApiError("voices");
  }
  return radio.value;
}

/** @returns {HTMLInputElement | null} */
function checked() {
  return document.querySelector("input[name=voice]:checked");
}

/** @param {string} [selected] id of the voice to select; by default the selection stays. */
export async function showVoices(selected = checked()?.value ?? stored(SELECTED) ?? "") {
  const list = element("voice-cards");
  list.ariaBusy = "true";
  hideError(element("voices-error"));
  try {
    voices = (await (await call(VOICES)).json()).voices;
    const existing = voices.some(({ id }) => id === selected) ? selected : voices[0]?.id;
    list.replaceChildren(...voices.map((voice) => row(voice, voice.id === existing)));
    picker().replaceChildren(...voices.map(({ id, name }) => new Option(name, id)));
    if (existing) {
      choose(existing);
    }
  } catch (error) {
    showError(element("voices-error"), error);
  }
  list.ariaBusy = "false";
}

/**
 * @param {Voice} voice
 * @param {boolean} isSelected
 */
function row({ id, name, preset }, isSelected) {
  const label = document.createElement("label");
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: "voice", value: id, checked: isSelected });
  radio.addEventListener("change", () => choose(id));
  const title = document.createElement("span");
  title.textContent = name;
  label.append(radio, title);
  const item = document.createElement("div");
  item.className = "voice";
  item.append(label, preset ? presetMark() : deleteButton(id, name));
  return item;
}

function presetMark() {
  const mark = document.createElement("span");
  mark.className = "muted";
  setText(mark, "voices.preset");
  return mark;
}

/**
 * @param {string} id
 * @param {string} name
 */
function deleteButton(id, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const values = { name };
  setText(button, "voices.delete");
  setLabel(button, "voices.deleteNamed", values);
  button.addEventListener("click", async () => {
    if (await confirmed("voices.confirmDelete", "voices.delete", values)) {
      await deleteVoice(id, name);
    }
  });
  return button;
}

/**
 * @param {string} id
 * @param {string} name
 */
async function deleteVoice(id, name) {
  hideError(element("voices-error"));
  setText(element("voices-status"), "");
  try {
    await call(`${VOICES}/${encodeURIComponent(id)}`, { method: "DELETE" });
    await showVoices();
    setText(element("voices-status"), "voices.deleted", { name });
    checked()?.focus();
  } catch (error) {
    showError(element("voices-error"), error);
  }
}

/**
 * @param {string} name
 * @param {string} consent
 * @param {{name: string, blob: Blob}[]} samples
 * @returns {Promise<any>} the voice, with a verdict on each sample.
 */
export async function saveVoice(name, consent, samples) {
  const form = new FormData();
  form.set("name", name);
  form.set("consent", consent);
  for (const sample of samples) {
    form.append("audio_sample", sample.blob, sample.name);
  }
  return (await call(VOICES, { method: "POST", body: form })).json();
}
