/** The record button, with the level, the waveform and the time left. */

import { canvas, element } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText } from "./language.js";
import { LiveWave } from "./live_wave.js";
import { Recording, RecordingError } from "./recorder.js";

const ENOUGH_SECONDS = 5; // of speech, for a good verdict
const MAX_SECONDS = 20; // more speech makes the voice no better

/** @type {Recording | null} */
let recording = null;
let isStarting = false;
/** @type {(wav: Blob) => void} */
let onRecorded = () => {};

/** @param {(wav: Blob) => void} listener called with each recording. */
export function setUpRecordingPanel(listener) {
  onRecorded = listener;
  element("record").addEventListener("click", () => (recording ? stopRecording() : record()));
}

async function record() {
  if (isStarting) {
    return;
  }
  isStarting = true;
  document.dispatchEvent(new CustomEvent("soundstart")); // nothing sounds into the microphone
  hideError(element("record-error"));
  element("recording").hidden = false;
  const wave = new LiveWave(canvas("record-wave"));
  try {
    const started = await Recording.start((level, seconds) => show(wave, level, seconds));
    if (/** @type {HTMLDialogElement} */ (element("add-voice")).open) {
      recording = started;
      setText(element("record-label"), "new.stop");
      element("record").classList.add("active");
      setText(element("record-status"), "record.recording");
    } else {
      await started.stop(); // the dialog was closed while the browser asked for the microphone
    }
  } catch (error) {
    showProblem(error);
  }
  element("recording").hidden = !recording;
  isStarting = false;
}

/** @param {unknown} error */
function showProblem(error) {
  if (error instanceof RecordingError) {
    showHint(element("record-error"), `record.${error.reason}`);
  } else {
    showError(element("record-error"), error);
  }
}

/**
 * @param {LiveWave} wave
 * @param {number} level
 * @param {number} seconds
 */
function show(wave, level, seconds) {
  wave.add(level);
  /** @type {HTMLMeterElement} */ (element("record-level")).value = level;
  setText(element("record-time"), "record.seconds", { seconds: seconds.toFixed(1) });
  setText(element("record-left"), "record.left", { seconds: Math.max(0, Math.ceil(MAX_SECONDS - seconds)) });
  const status = element("record-status");
  if (recording && seconds >= ENOUGH_SECONDS && status.dataset.text !== "record.enough") {
    setText(status, "record.enough");
  }
  if (seconds >= MAX_SECONDS) {
    stopRecording();
  }
}

/** Ends a recording, if there is one, and hands it over. */
export async function stopRecording() {
  if (!recording) {
    return;
  }
  const ended = recording;
  const { seconds } = ended;
  recording = null;
  element("recording").hidden = true;
  element("record").classList.remove("active");
  setText(element("record-label"), "new.recordAgain");
  setText(element("record-status"), "record.recorded", { seconds });
  onRecorded(await ended.stop());
}
