/** The dialog about a voice: its samples and consent; rename, export and delete. */

import { forgetBlend, keepBlend, replaceInBlends } from "./blend.js";
import { download, element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText } from "./language.js";
import { leaf } from "./leaf.js";
import { sampleFacts } from "./verdict.js";
import { deleteVoice, exportVoice, importVoice, renameVoice, voiceDetails } from "./voice_calls.js";
import { aboutLine } from "./voice_card.js";
import { offerUndo, tell } from "./voice_notice.js";
import { forget } from "./voice_store.js";
import { focusMore, keepCharacter, selectedVoice, showVoices } from "./voices.js";

/** @typedef {import("./voices.js").Choice} Choice */

/** @type {Choice} */
let shown;

const dialog = () => /** @type {HTMLDialogElement} */ (element("voice-about"));
const alert = () => element("voice-about-error");

export function setUpVoiceAbout() {
  element("voice-cards").addEventListener("voiceabout", (event) =>
    showVoice(/** @type {CustomEvent} */ (event).detail),
  );
  element("voice-about-close").addEventListener("click", () => dialog().close());
  element("rename-form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy("rename-save", rename);
  });
  element("export-voice").addEventListener("click", () => busy("export-voice", saveFile));
  element("delete-voice").addEventListener("click", () => busy("delete-voice", remove));
}

/** @param {Choice} choice */
async function showVoice(choice) {
  shown = choice;
  hideError(alert());
  element("voice-about-leaf").replaceChildren(leaf(choice.value, choice.tree));
  element("voice-about-name").textContent = choice.name;
  element("voice-about-line").replaceChildren(aboutLine(choice));
  input("rename").value = choice.name;
  element("rename-form").hidden = choice.kind !== "own";
  element("export-voice").hidden = choice.kind === "blend";
  element("delete-voice").hidden = choice.kind === "preset";
  element("voice-record").hidden = true;
  setText(element("voice-about-kind"), `voices.about.${choice.kind}`);
  dialog().showModal();
  if (choice.kind === "own") {
    await showRecord(choice);
  }
}

/** @param {Choice} choice */
async function showRecord(choice) {
  try {
    const { consent, samples } = await voiceDetails(choice.value);
    if (shown === choice) {
      element("voice-consent").textContent = consent;
      element("voice-samples").replaceChildren(...samples.map(sampleFacts));
      element("voice-record").hidden = false;
    }
  } catch (error) {
    showError(alert(), error);
  }
}

/**
 * Runs one action at a time, and shows its error in the dialog.
 * @param {string} id of the button.
 * @param {() => Promise<void>} action
 */
async function busy(id, action) {
  const button = element(id);
  if (button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  hideError(alert());
  try {
    await action();
  } catch (error) {
    showError(alert(), error, id === "rename-save" ? input("rename") : undefined);
  }
  button.ariaBusy = "false";
}

async function rename() {
  const name = input("rename").value.trim();
  if (!name) {
    showHint(alert(), "new.needsName", input("rename"));
    return;
  }
  await renameVoice(shown.value, name);
  dialog().close();
  await showVoices();
  focusMore(shown.value);
  tell("voices.renamed", { name });
}

async function saveFile() {
  const file = JSON.stringify(await exportVoice(shown.value));
  download(new Blob([file], { type: "application/json" }), `${shown.name}.voice.json`);
}

async function remove() {
  const { value, name, kind } = shown;
  const wasChosen = (await selectedVoice()) === value;
  const restore = kind === "blend" ? removeBlend(value) : await removeVoice(shown);
  dialog().close();
  await showVoices();
  offerUndo("voices.deleted", { name }, async () => {
    const restored = await restore();
    await showVoices(wasChosen ? restored : undefined);
    focusMore(restored);
  });
}

/**
 * @param {string} blend
 * @returns {() => Promise<string>} brings it back.
 */
function removeBlend(blend) {
  forgetBlend(blend);
  return async () => {
    keepBlend(blend);
    return blend;
  };
}

/**
 * @param {Choice} choice
 * @returns {Promise<() => Promise<string>>} makes the voice again, under the id that it returns.
 */
async function removeVoice({ value, character }) {
  const file = await exportVoice(value);
  await deleteVoice(value);
  await forget("lines", value);
  return async () => {
    const { id } = await importVoice(file);
    keepCharacter(id, character);
    replaceInBlends(value, id);
    return id;
  };
}
