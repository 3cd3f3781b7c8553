/** The dialog about a voice: its samples and consent; rename, export and delete. */

import { forgetBlend, keepBlend } from "./blend.js";
import { deleteForGood, hideVoice, unhideVoice } from "./deleted_voices.js";
import { download, element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText } from "./language.js";
import { leaf } from "./leaf.js";
import { sampleFacts } from "./verdict.js";
import { exportVoice, renameVoice, voiceDetails } from "./voice_calls.js";
import { aboutLine } from "./voice_card.js";
import { finishDeletion, offerUndo, tell } from "./voice_notice.js";
import { focusMore, selectedVoice, showVoices } from "./voices.js";

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
  await finishDeletion();
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

/** How each kind of voice is hidden, brought back, and deleted. */
const DELETION = {
  own: { hide: hideVoice, unhide: unhideVoice, deleteForGood },
  blend: { hide: forgetBlend, unhide: keepBlend, deleteForGood: async () => {} },
};

async function remove() {
  const { value, name, kind } = shown;
  const { hide, unhide, deleteForGood: deleteNow } = DELETION[/** @type {"own" | "blend"} */ (kind)];
  const wasChosen = (await selectedVoice()) === value;
  hide(value);
  dialog().close();
  await showVoices();
  const show = async () => {
    unhide(value);
    await showVoices(wasChosen ? value : undefined);
  };
  offerUndo(name, { show, focus: () => focusMore(value), commit: () => deleteNow(value) });
}
