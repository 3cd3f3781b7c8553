/** The form for a new voice: samples, recorded or from files; a name; the speaker's consent. */

import { element, input } from "./elements.js";
import { setLabel, setText, words } from "./language.js";
import { hideProblem, showAdvice, showProblem } from "./problems.js";
import { CannotRecord, MAX_SECONDS, Recording } from "./recorder.js";
import { showVerdict } from "./verdict.js";
import { saveVoice, showVoices } from "./voices.js";

/** @typedef {{name: string, blob: Blob}} Sample */

/** @type {Sample[]} */
let samples = [];
/** @type {Recording | null} */
let recording = null;
let recorded = 0; // recordings so far, to name them

export function setUpNewVoice() {
  element("record").addEventListener("click", () => (recording ? stopRecording() : record()));
  element("upload").addEventListener("change", addFiles);
  element("new-voice-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  // The statement is offered in the page's language, until somebody writes another.
  document.addEventListener("languagechange", offerStatement);
  element("consent-statement").addEventListener("input", () =>
    document.removeEventListener("languagechange", offerStatement),
  );
  offerStatement();
}

function offerStatement() {
  input("consent-statement").value = words("new.offeredStatement");
}

async function record() {
  hideProblem(element("record-problem"));
  try {
    recording = await Recording.start(showLevel);
  } catch (error) {
    if (error instanceof CannotRecord) {
      showAdvice(element("record-problem"), `record.${error.reason}`);
    } else {
      showProblem(element("record-problem"), error);
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
  recorded += 1;
  samples.push({ name: `recording-${recorded}.wav`, blob: await ending });
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
 * @param {string} text
 * @param {string} label says also which.
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
    showAdvice(element("record-problem"), "record.cannotPlay");
  }
}

/** What is still missing, in the order of the form: the strings' key and the field to go to. */
function missing() {
  const statement = input("consent-statement").value.trim();
  const first = [
    { lacks: samples.length === 0, key: "new.needsSample", field: "record" },
    { lacks: !input("voice-name").value.trim(), key: "new.needsName", field: "voice-name" },
    { lacks: !statement, key: "new.needsStatement", field: "consent-statement" },
    { lacks: !input("consent").checked, key: "new.needsConsent", field: "consent" },
  ];
  return first.find(({ lacks }) => lacks);
}

async function save() {
  const problem = element("new-voice-problem");
  hideProblem(problem);
  await stopRecording();
  const lack = missing();
  if (lack) {
    showAdvice(problem, lack.key, element(lack.field));
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
    showProblem(problem, error);
  }
  setText(element("record-status"), "");
  button.ariaBusy = "false";
}
