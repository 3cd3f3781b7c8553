/** The dialog for a new voice, in three steps: recordings, their check, name and consent. */

import { ApiError } from "./api.js";
import { characterOf } from "./character.js";
import { playClip, stopClip, unlockClips } from "./clip.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText, translate } from "./language.js";
import { setUpRecordingPanel, stopRecording } from "./recording_panel.js";
import { showSamples } from "./sample_list.js";
import * as samples from "./samples.js";
import { hearUnsaved } from "./unsaved_voice.js";
import { saveVoice } from "./voice_calls.js";
import { hearLine } from "./voice_line.js";
import { finishDeletion, tell } from "./voice_notice.js";
import { keepCharacter, showVoices } from "./voices.js";

const STEPS = 3;
const NAME_CODES = ["invalid_name", "voice_exists"];

let step = 1;
let saved = ""; // id of the voice that was saved last

const dialog = () => /** @type {HTMLDialogElement} */ (element("add-voice"));

export function setUpAddVoice() {
  element("open-add-voice").addEventListener("click", open);
  element("add-voice-close").addEventListener("click", () => dialog().close());
  dialog().addEventListener("close", () => {
    stopRecording();
    stopClip();
  });
  setUpRecordingPanel(async (wav) => {
    await samples.addRecording(wav);
    showAll();
  });
  setUpFiles();
  for (const button of dialog().querySelectorAll("[data-step]")) {
    const target = Number(/** @type {HTMLElement} */ (button).dataset.step);
    button.addEventListener("click", () => goTo(target));
  }
  element("check-again").addEventListener("click", showVerdicts);
  element("new-voice-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  element("hear-unsaved").addEventListener("click", hear);
  element("hear-saved").addEventListener("click", (event) => {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    hearLine(button, saved).catch((error) => showError(element("saved-error"), error));
  });
  keepStatementInLanguage();
}

/** The suggested statement follows the page's language until the user edits it. */
function keepStatementInLanguage() {
  const suggest = () => {
    input("consent-statement").value = translate("new.suggestedStatement");
  };
  document.addEventListener("languagechange", suggest);
  element("consent-statement").addEventListener("input", () =>
    document.removeEventListener("languagechange", suggest),
  );
  suggest();
}

function setUpFiles() {
  const zone = element("drop-zone");
  element("upload").addEventListener("change", () => {
    addFiles(input("upload").files);
    input("upload").value = "";
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    addFiles(event.dataTransfer?.files ?? null);
  });
}

async function open() {
  await samples.restoreSamples();
  saved = "";
  show(1);
  showAll();
  dialog().showModal();
}

/** @param {FileList | null} files */
async function addFiles(files) {
  hideError(element("record-error"));
  await samples.addSamples([...(files ?? [])].map((blob) => ({ name: blob.name, blob })));
  showAll();
}

function showAll() {
  const all = samples.allSamples();
  if (all.length) {
    hideError(element("no-sample"));
  }
  showSamples("samples", all, element("record-error"), { onRemove: remove });
  element("samples-title").hidden = !all.length;
}

/** @param {samples.Sample} sample */
async function remove(sample) {
  stopClip();
  await samples.removeSample(sample);
  showAll();
  element("record").focus();
}

/** @param {number} target */
async function goTo(target) {
  stopClip();
  await stopRecording();
  if (target > 1 && !samples.allSamples().length) {
    showHint(element("no-sample"), "new.needsSample", element("record"));
    return;
  }
  show(target);
  element(`step-${target}-title`).focus();
  if (target === 2) {
    await showVerdicts();
  }
}

/** @param {number} target step; STEPS + 1 once the voice is saved. */
function show(target) {
  step = target;
  for (let number = 1; number <= STEPS + 1; number++) {
    element(`step-${number}`).hidden = number !== step;
    const mark = document.querySelector(`#steps li:nth-child(${number})`);
    mark?.toggleAttribute("data-done", number < step);
    if (number === step) {
      mark?.setAttribute("aria-current", "step");
    } else {
      mark?.removeAttribute("aria-current");
    }
  }
}

async function showVerdicts() {
  const alert = element("check-error");
  hideError(alert);
  element("check-again").hidden = true;
  let usable = false;
  const all = samples.allSamples();
  showSamples("verdicts", all, alert, {});
  element("verdicts").ariaBusy = "true";
  setText(element("check-status"), "verdict.listening");
  /** @type {HTMLButtonElement} */ (element("to-name")).disabled = true;
  try {
    const checks = await samples.verdicts();
    showSamples("verdicts", all, alert, { checks });
    usable = checks.some((one) => one.usable);
    setText(element("check-status"), usable ? "verdict.ready" : "verdict.noneUsable");
  } catch (error) {
    setText(element("check-status"), "");
    showError(alert, error);
    element("check-again").hidden = false;
  }
  element("verdicts").ariaBusy = "false";
  /** @type {HTMLButtonElement} */ (element("to-name")).disabled = !usable;
}

/** The first missing entry: the string key of a hint, and the field's id. */
function missingEntry() {
  const statement = input("consent-statement").value.trim();
  const entries = [
    { missing: !input("voice-name").value.trim(), key: "new.needsName", field: "voice-name" },
    { missing: !statement, key: "new.needsStatement", field: "consent-statement" },
    { missing: !input("consent").checked, key: "new.needsConsent", field: "consent" },
  ];
  return entries.find(({ missing }) => missing);
}

async function hear() {
  const button = /** @type {HTMLButtonElement} */ (element("hear-unsaved"));
  hideErrors();
  if (!input("consent-statement").value.trim()) {
    askForStatement();
    return;
  }
  if (!input("consent").checked) {
    showHint(element("consent-error"), "new.needsConsent", input("consent"));
    return;
  }
  if (button.ariaPressed === "true") {
    stopClip();
    return;
  }
  if (button.ariaBusy === "true") {
    return;
  }
  unlockClips();
  button.ariaBusy = "true";
  try {
    const sound = await hearUnsaved(samples.allSamples(), input("consent-statement").value.trim());
    button.ariaPressed = "true";
    await playClip(sound, () => (button.ariaPressed = "false"));
  } catch (error) {
    showFault(error);
  }
  button.ariaBusy = "false";
}

function hideErrors() {
  for (const id of ["name-error", "statement-error", "consent-error", "new-voice-error"]) {
    hideError(element(id));
  }
}

function askForStatement() {
  showHint(element("statement-error"), "new.needsStatement", input("consent-statement"));
}

/** @param {unknown} error is shown at the field that it concerns. */
function showFault(error) {
  const { code, param } = error instanceof ApiError ? error : new ApiError("page");
  if (param === "consent" && code === "invalid_value") {
    askForStatement();
    return;
  }
  const isName = NAME_CODES.includes(code);
  const field = isName ? input("voice-name") : undefined;
  showError(element(isName ? "name-error" : "new-voice-error"), error, field);
  field?.focus();
}

async function save() {
  const entry = missingEntry();
  const alertOf = { "voice-name": "name-error", consent: "consent-error" };
  hideErrors();
  if (entry) {
    const alert = alertOf[/** @type {keyof typeof alertOf} */ (entry.field)] ?? "statement-error";
    showHint(element(alert), entry.key, element(entry.field));
    return;
  }
  const button = element("save-voice");
  if (button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  setText(element("save-status"), "new.saving");
  try {
    await saveAll();
  } catch (error) {
    showFault(error);
  }
  setText(element("save-status"), "");
  button.ariaBusy = "false";
}

async function saveAll() {
  const name = input("voice-name").value.trim();
  const all = samples.allSamples();
  await finishDeletion();
  const voice = await saveVoice(name, input("consent-statement").value.trim(), all);
  const character = await characterOf(all.map(({ blob }) => blob));
  await samples.clearSamples();
  input("voice-name").value = "";
  input("consent").checked = false;
  saved = voice.id;
  keepCharacter(saved, character);
  await showVoices(saved);
  tell("verdict.saved", { name: voice.name });
  setText(element("step-4-title"), "verdict.saved", { name: voice.name });
  show(STEPS + 1);
  element("step-4-title").focus();
}
