/** The form for the text: sends it, and shows the speech while it is received. */

import { ApiError, eventsOf, MAX_CHARACTERS, postJson } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText } from "./language.js";
import { unlockSound } from "./player.js";
import { Result } from "./result.js";
import { selectedVoice } from "./voices.js";

/** @typedef {import("./result.js").Speech} Speech */

const SPEECH = "v1/audio/speech";

const text = () => input("text");
const speed = () => Number(input("speed").value);

/** @type {Result | undefined} */
let result;
let abort = new AbortController();

/** @param {(text: string, speed: number) => void} onJob called with a text for the background. */
export function setUpSpeechForm(onJob) {
  element("speech-form").addEventListener("submit", (event) => {
    event.preventDefault();
    speak();
  });
  text().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      speak();
    }
  });
  text().addEventListener("input", showLength);
  element("stop").addEventListener("click", stop);
  element("speed").addEventListener("input", showSpeed);
  element("text-file").addEventListener("change", openFile);
  element("later").addEventListener("click", () => {
    if (hasText("later-error")) {
      onJob(text().value, speed());
    }
  });
  showLength();
  showSpeed();
}

/** Length of the text in code points, as the server counts it. */
function length() {
  return [...text().value].length;
}

function showLength() {
  const tooLong = length() > MAX_CHARACTERS;
  setText(element("text-count"), "text.count", { count: length(), max: MAX_CHARACTERS });
  setText(element("text-long"), tooLong ? "text.tooLong" : "", { max: MAX_CHARACTERS });
  element("speak").classList.toggle("primary", !tooLong);
  element("later").classList.toggle("primary", tooLong);
}

function showSpeed() {
  setText(element("speed-value"), "text.times", { times: speed().toFixed(2) });
}

/** @param {Event} event */
async function openFile(event) {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (field.files?.[0]) {
    text().value = await field.files[0].text();
    field.value = "";
    showLength();
    text().focus();
  }
}

/** @param {string} alert id of the element for a hint, if there is no text. */
function hasText(alert) {
  hideError(element(alert));
  if (!text().value.trim()) {
    showHint(element(alert), "text.empty", text());
  }
  return Boolean(text().value.trim());
}

function stop() {
  abort.abort();
  result?.stop();
}

async function speak() {
  if (!hasText("speech-error")) {
    return;
  }
  if (length() > MAX_CHARACTERS) {
    const max = { max: MAX_CHARACTERS };
    showHint(element("speech-error"), "text.tooLong", element("later"), max);
    return;
  }
  stop();
  abort = new AbortController();
  const { signal } = abort;
  // With the same seed, an MP3 that is requested later is the same speech.
  const seed = Math.floor(Math.random() * 2 ** 31);
  const options = { input: text().value, speed: speed(), seed };
  try {
    unlockSound();
    const speech = { ...options, voice: await selectedVoice() };
    result = new Result(speech, showStop);
    await receive(result, speech, signal);
  } catch (error) {
    showError(element("speech-error"), error);
  }
}

/**
 * @param {Result} target
 * @param {Speech} speech
 * @param {AbortSignal} signal
 * @throws {ApiError}
 */
async function receive(target, speech, signal) {
  const options = { model: "tts-1", response_format: "pcm", stream_format: "sse", details: true };
  try {
    await addEvents(target, await postJson(SPEECH, { ...options, ...speech }, signal));
    target.end("done");
  } catch (error) {
    target.end(signal.aborted ? "stopped" : "failed");
    throw signal.aborted ? signal.reason : error;
  }
}

/**
 * @param {Result} target
 * @param {Response} response
 */
async function addEvents(target, response) {
  for await (const event of eventsOf(response)) {
    switch (event.type) {
      case "speech.sentence.details":
        target.addSentence(event);
        break;
      case "speech.audio.delta":
        target.addSound(event.audio);
        break;
      case "speech.audio.done":
        return;
    }
  }
  throw new ApiError("cut");
}

/** @param {boolean} busy whether there is speech to stop. */
function showStop(busy) {
  const button = /** @type {HTMLButtonElement} */ (element("stop"));
  if (!busy && document.activeElement === button) {
    element("speak").focus(); // a disabled button loses the focus
  }
  button.disabled = !busy;
}
