/** The form for a new voice: samples, a name, and the speaker's consent. */

import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setLabel, setText, translate } from "./language.js";
import { MAX_SECONDS, Recording, RecordingError } from "./recorder.js";
import { showVerdict } from "./verdict.js";
import { saveVoice, showVoices } from "./voices.js";

/** @typedef {{name: string, blob: Blob}} Sample */

/** @type {Sample[]} */
let samples = [];
/** @type {Recording | null} */
let recording = null;
let recordings = 0; // numbers the recordings' names

export function setUpNewVoice() {
  const dialog = /** @type {HTMLDialogElement} */ (element("add-voice"));
  element("open-add-voice").addEventListener("click", () => dialog.showModal());
  element("record").addEventListener("click", () => (recording ? stopRecording() : record()));
  element("upload").addEventListener("change", addFiles);
  element("new-voice-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  // The suggested statement follows the page's language until the user edits it.
  document.addEventListener("languagechange", suggestStatement);
  element("consent-statement").addEventListener("input", () =>
    document.removeEventListener("languagechange", suggestStatement),
  );
  suggestStatement();
}

function suggestStatement() {
  input("consent-statement").value = translate("new.suggestedStatement");
}

async function record() {
  hideError(element("record-error"));
  try {
    recording = await Recording.start(showLevel);
  } catch (error) {
    if (error instanceof RecordingError) {
      showHint(element("record-error"), `record.${error.reason}`);
    } else {
      showError(element("record-error"), error);
    }
    return;
  }
  element("recording").hidden = false;
  setText(element("record"), "new.stop");
  setText(element("record-status"), "record.recording");
}

/**
 * @param {number} level
 * @param {number} seconds
 */
function showLevel(level, seconds) {
  /** @type {HTMLMeterElement} */ (element("record-level")).value = level;
  setText(element("record-time"), "record.seconds", { seconds: seconds.toFixed(1) });
  if (seconds > MAX_SECONDS - 1) {
    stopRecording();
  }
}

async function stopRecording() {
  if (!recording) {
    return;
  }
  const { seconds } = recording;
  const ending = recording.stop();
  recording = null;
  element("recording").hidden = true;
  setText(element("record"), "new.record");
  recordings += 1;
  samples.push({ name: `recording-${recordings}.wav`, blob: await ending });
  setText(element("record-status"), "record.recorded", { seconds });
  showSamples();
}

function addFiles() {
  samples.push(...[...(input("upload").files ?? [])].map((blob) => ({ name: blob.name, blob })));
  input("upload").value = "";
  showSamples();
}

function showSamples() {
  element("samples").replaceChildren(...samples.map(sampleItem));
}

/** @param {Sample} sample */
function sampleItem(sample) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = sample.name;
  const listen = smallButton("new.listen", "new.listenNamed", sample.name, () => play(sample));
  const remove = smallButton("new.remove", "new.removeNamed", sample.name, () => {
    samples = samples.filter((other) => other !== sample);
    showSamples();
    element("record").focus();
  });
  item.append(name, listen, remove);
  return item;
}

/**
 * @param {string} text string key of the text.
 * @param {string} label string key of the label, which includes the name.
 * @param {string} name
 * @param {() => void} onClick
 */
function smallButton(text, label, name, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  setText(button, text);
  setLabel(button, label, { name });
  button.addEventListener("click", onClick);
  return button;
}

/** @param {Sample} sample */
async function play({ blob }) {
  const context = new AudioContext();
  try {
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(await blob.arrayBuffer());
    source.connect(context.destination);
    source.onended = () => context.close();
    source.start();
  } catch {
    await context.close();
    showHint(element("record-error"), "record.cannotPlay");
  }
}

/** The first missing entry of the form: the string key of a hint, and the field's id. */
function missingEntry() {
  const statement = input("consent-statement").value.trim();
  const entries = [
    { missing: samples.length === 0, key: "new.needsSample", field: "record" },
    { missing: !input("voice-name").value.trim(), key: "new.needsName", field: "voice-name" },
    { missing: !statement, key: "new.needsStatement", field: "consent-statement" },
    { missing: !input("consent").checked, key: "new.needsConsent", field: "consent" },
  ];
  return entries.find(({ missing }) => missing);
}

async function save() {
  const alert = element("new-voice-error");
  hideError(alert);
  await stopRecording();
  const entry = missingEntry();
  if (entry) {
    showHint(alert, entry.key, element(entry.field));
    return;
  }
  const button = element("save-voice");
  if (button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  setText(element("record-status"), "new.saving");
  element("verdict").replaceChildren();
  try {
    const name = input("voice-name").value.trim();
    const voice = await saveVoice(name, input("consent-statement").value.trim(), samples);
    showVerdict(element("verdict"), voice);
    samples = [];
    showSamples();
    input("voice-name").value = "";
    input("consent").checked = false;
    await showVoices(voice.id);
  } catch (error) {
    showError(alert, error);
  }
  setText(element("record-status"), "");
  button.ariaBusy = "false";
}
