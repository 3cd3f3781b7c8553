/** The text and its button: sends the text, and passes on what comes back as it comes. */

import { eventsOf, MAX_CHARACTERS, postJson, Problem } from "./api.js";
import { element, input } from "./elements.js";
import { setText } from "./language.js";
import { hideProblem, showAdvice, showProblem } from "./problems.js";
import { unlockSound } from "./player.js";
import { Result } from "./result.js";
import { chosenVoice } from "./voices.js";

/** @typedef {import("./result.js").Speech} Speech */

const SPEECH = "v1/audio/speech";

const text = () => input("text");
const speed = () => Number(input("speed").value);

/** @type {Result | undefined} */
let result;
let abort = new AbortController();

/** @param {(text: string, speed: number) => void} onLater takes a text that is to be a job. */
export function setUpSpeaking(onLater) {
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
    if (hasText("later-problem")) {
      onLater(text().value, speed());
    }
  });
  showLength();
  showSpeed();
}

/** The text as it is sent, counted as the server counts: in code points. */
function length() {
  return [...text().value].length;
}

function showLength() {
  const tooLong = length() > MAX_CHARACTERS;
  setText(element("text-count"), "text.count", { count: length(), most: MAX_CHARACTERS });
  setText(element("text-long"), tooLong ? "text.tooLong" : "", { most: MAX_CHARACTERS });
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

/** @param {string} place of the advice, if there is none. */
function hasText(place) {
  hideProblem(element(place));
  if (!text().value.trim()) {
    showAdvice(element(place), "text.empty", text());
  }
  return Boolean(text().value.trim());
}

function stop() {
  abort.abort();
  result?.stop();
}

async function speak() {
  if (!hasText("speech-problem")) {
    return;
  }
  if (length() > MAX_CHARACTERS) {
    const most = { most: MAX_CHARACTERS };
    showAdvice(element("speech-problem"), "text.tooLong", element("later"), most);
    return;
  }
  stop();
  abort = new AbortController();
  const { signal } = abort;
  // The seed makes the file that is asked for afterwards the same speech.
  const asked = { input: text().value, speed: speed(), seed: Math.floor(Math.random() * 2 ** 31) };
  try {
    unlockSound();
    const speech = { ...asked, voice: await chosenVoice() };
    result = new Result(speech, showStop);
    await fill(result, speech, signal);
  } catch (error) {
    showProblem(element("speech-problem"), error);
  }
}

/**
 * @param {Result} filled
 * @param {Speech} speech
 * @param {AbortSignal} signal
 * @throws {Problem}
 */
async function fill(filled, speech, signal) {
  const wanted = { model: "tts-1", response_format: "pcm", stream_format: "sse", details: true };
  try {
    await take(filled, await postJson(SPEECH, { ...wanted, ...speech }, signal));
    filled.end("done");
  } catch (error) {
    filled.end(signal.aborted ? "stopped" : "failed");
    throw signal.aborted ? signal.reason : error;
  }
}

/**
 * @param {Result} filled
 * @param {Response} response
 */
async function take(filled, response) {
  for await (const event of eventsOf(response)) {
    switch (event.type) {
      case "speech.sentence.details":
        filled.addSentence(event);
        break;
      case "speech.audio.delta":
        filled.addSound(event.audio);
        break;
      case "speech.audio.done":
        return;
    }
  }
  throw new Problem("cut");
}

/** @param {boolean} busy whether there is anything to stop. */
function showStop(busy) {
  const button = /** @type {HTMLButtonElement} */ (element("stop"));
  if (!busy && document.activeElement === button) {
    element("speak").focus(); // a disabled button loses the focus
  }
  button.disabled = !busy;
}
