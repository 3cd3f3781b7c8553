/** The form for the text: speaks it while it is received, or has it made in the background. */

import { MAX_CHARACTERS } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { keep } from "./kept.js";
import { setText } from "./language.js";
import { player } from "./player.js";
import { showEnd, showEvent, showSpeech } from "./result.js";
import { newSeed, receive, Speech } from "./speech.js";
import { store, stored } from "./storage.js";
import { unlockSound } from "./stream_player.js";
import { textBox } from "./text_box.js";
import { selectedVoice, voiceName } from "./voices.js";

/** @typedef {import("./speech.js").Request} Request */

const MIN_SECONDS = 0.05; // a shorter result is not shown

/** @type {AbortController | null} of the speech that is being received. */
let receiving = null;
let receivedId = ""; // of the last speech
/** @type {(text: string, speed: number) => Promise<void>} */
let startJob;

export const speed = () => Number(input("speed").value);

/** @param {(text: string, speed: number) => Promise<void>} onJob called with a text for a job. */
export function setUpSpeechForm(onJob) {
  startJob = onJob;
  element("speech-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (receiving) {
      stop();
    } else {
      speak();
    }
  });
  textBox().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      speak();
    }
  });
  textBox().addEventListener("input", showLength);
  input("speed").value = stored("speed") ?? "1";
  element("speed").addEventListener("input", () => {
    store("speed", input("speed").value, { persistent: true });
    showSpeed();
  });
  element("later").addEventListener("click", makeLater);
  showLength();
  showSpeed();
}

/** Length of the text in code points, as the server counts it. */
function length() {
  const { value } = textBox();
  return value.length > 2 * MAX_CHARACTERS ? value.length : [...value].length;
}

function isTooLong() {
  return length() > MAX_CHARACTERS;
}

function showLength() {
  const max = MAX_CHARACTERS;
  setText(element("text-count"), "text.count", { count: length(), max });
  const key = isTooLong() ? "text.tooLong" : "";
  if (element("text-long").dataset.text !== key) {
    setText(element("text-long"), key, { max });
  }
  element("later").hidden = element("later-hint").hidden = isTooLong();
  showBusy();
}

function showSpeed() {
  setText(element("speed-value"), "text.times", { times: speed().toFixed(2) });
}

/** The one large button speaks, stops, or has a long text made. */
function showBusy() {
  const key = receiving ? "text.stop" : isTooLong() ? "text.later" : "text.speak";
  const button = element("speak");
  if (button.dataset.text !== key) {
    setText(button, key);
  }
  button.classList.toggle("stopping", Boolean(receiving));
}

/** @returns {boolean} whether there is a text; otherwise says so at the field. */
function hasText() {
  hideError(element("speech-error"));
  const isThere = Boolean(textBox().value.trim());
  if (!isThere) {
    showHint(element("speech-error"), "text.empty", textBox());
  }
  return isThere;
}

function stop() {
  receiving?.abort();
  player.pause();
}

/** @param {string} id of a speech that is deleted, and may still be received. */
export function stopReceiving(id) {
  if (id === receivedId) {
    receiving?.abort();
  }
}

async function makeLater() {
  const button = element(isTooLong() ? "speak" : "later");
  if (hasText() && button.ariaBusy !== "true") {
    button.ariaBusy = "true";
    await startJob(textBox().value, speed());
    button.ariaBusy = "false";
  }
}

async function speak() {
  if (isTooLong()) {
    await makeLater();
    return;
  }
  if (!hasText()) {
    return;
  }
  unlockSound();
  const text = textBox().value;
  try {
    const voice = await selectedVoice();
    await speakRequest({ text, voice, speed: speed(), seed: newSeed() }, voiceName(voice));
  } catch (error) {
    showError(element("speech-error"), error);
  }
}

/**
 * Speaks in place of a speech that is still received. The speech before it stays on the page until
 * the first sentence has come.
 * @param {Request} request
 * @param {string} name of the voice.
 */
export async function speakRequest(request, name) {
  receiving?.abort();
  unlockSound();
  hideError(element("speech-error"));
  const abort = new AbortController();
  receiving = abort;
  const speech = new Speech(request, name);
  receivedId = speech.id;
  showBusy();
  showProgress(speech);
  try {
    await receive(speech, abort.signal, (event) => show(speech, event));
    await end(speech, "done");
  } catch (error) {
    await end(speech, abort.signal.aborted ? "stopped" : "failed");
    if (!abort.signal.aborted) {
      showError(element("speech-error"), error);
    }
  }
  if (receiving === abort) {
    receiving = null;
    showBusy();
    element("speech-progress").hidden = true;
    element("machine-made").hidden = false;
  }
}

/**
 * @param {Speech} speech
 * @param {any} event
 */
function show(speech, event) {
  if (event.type === "speech.sentence.details") {
    showProgress(speech);
    if (event.index === 0) {
      showSpeech(speech);
      player.play(0);
      element("result").scrollIntoView({ block: "nearest" });
      return;
    }
    keep(speech); // so that a reload loses no more than a sentence
  }
  showEvent(event);
}

/** @param {Speech} speech */
function showProgress(speech) {
  const number = speech.sentences.length;
  const key = number ? "text.sentence" : "text.waiting";
  element("machine-made").hidden = true;
  element("speech-progress").hidden = false;
  setText(element("speech-progress-text"), key, { number, count: speech.count });
  const bar = /** @type {HTMLProgressElement} */ (element("speech-progress-bar"));
  bar.max = speech.count || 1;
  bar.value = Math.max(0, number - 1);
}

/**
 * Says that a speech is ready once it is kept: from then on a reload loses nothing.
 * @param {Speech} speech
 * @param {import("./speech.js").State} state
 */
async function end(speech, state) {
  speech.state = state;
  speech.track.end();
  if (speech.track.seconds >= MIN_SECONDS) {
    player.feed();
    await keep(speech);
    showEnd(speech);
  }
}
