/** The list of voices: one is chosen, one's own can be deleted. */

import { call, Problem } from "./api.js";
import { confirmed } from "./confirm.js";
import { element } from "./elements.js";
import { setLabel, setText } from "./language.js";
import { hideProblem, showProblem } from "./problems.js";
import { remember, remembered } from "./remembered.js";

/** @typedef {{id: string, name: string, preset: boolean}} Voice */

const VOICES = "v1/audio/voices";
const CHOSEN = "voice";


/** @type {Voice[]} */
let voices = [];

/**
 * @returns {Promise<string>} id
 * @throws {Problem} if the list could not be had.
 */
export async function chosenVoice() {
  if (!checked()) {
    await showVoices();
  }
  const radio = checked();
  if (!radio) {
    throw new Problem("voices");
  }
  return radio.value;
}

/** @returns {HTMLInputElement | null} */
function checked() {
  return document.querySelector("input[name=voice]:checked");
}

/** @param {string} [chosen] id; without one, the choice stays. */
export async function showVoices(chosen = checked()?.value ?? remembered(CHOSEN) ?? "") {
  const list = element("voices");
  list.ariaBusy = "true";
  hideProblem(element("voices-problem"));
  try {
    voices = (await (await call(VOICES)).json()).voices;
    const known = voices.some(({ id }) => id === chosen) ? chosen : voices[0]?.id;
    list.replaceChildren(...voices.map((voice) => row(voice, voice.id === known)));
  } catch (error) {
    showProblem(element("voices-problem"), error);
  }
  list.ariaBusy = "false";
}

/**
 * @param {Voice} voice
 * @param {boolean} isChosen
 */
function row({ id, name, preset }, isChosen) {
  const label = document.createElement("label");
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: "voice", value: id, checked: isChosen });
  radio.addEventListener("change", () => remember(CHOSEN, id, { forever: true }));
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
  hideProblem(element("voices-problem"));
  setText(element("voices-status"), "");
  try {
    await call(`${VOICES}/${encodeURIComponent(id)}`, { method: "DELETE" });
    await showVoices();
    setText(element("voices-status"), "voices.deleted", { name });
    checked()?.focus();
  } catch (error) {
    showProblem(element("voices-problem"), error);
  }
}

/**
 * @param {string} name
 * @param {string} consent
 * @param {{name: string, blob: Blob}[]} samples
 * @returns {Promise<any>} the voice, with what was found in each sample.
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
