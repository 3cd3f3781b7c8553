/** The line that a voice speaks at the play button of its card: made once, and kept. */

import { postJson } from "./api.js";
import { playClip, stopClip, unlockClips } from "./clip.js";
import { get, put } from "./database.js";
import { setLabel } from "./language.js";

const SPEECH = "v1/audio/speech";
export const LINE = "Hello! This is how I sound when I read a text to you.";

/** @type {HTMLButtonElement | null} */
let active = null;

/**
 * Plays the line, or stops it if it sounds already.
 * @param {HTMLButtonElement} button shows the state: aria-busy, and aria-pressed while it sounds.
 * @param {string} voice id or blend.
 * @throws {import("./api.js").ApiError}
 */
export async function hearLine(button, voice) {
  const wasActive = active === button;
  stopClip();
  if (wasActive || button.ariaBusy === "true") {
    return;
  }
  unlockClips();
  button.ariaBusy = "true";
  try {
    const line = await lineOf(voice);
    active = button;
    button.ariaPressed = "true";
    await playClip(line, () => {
      button.ariaPressed = "false";
      active = active === button ? null : active;
    });
  } finally {
    button.ariaBusy = "false";
  }
}

/**
 * @param {string} voice
 * @returns {Promise<Blob>}
 */
async function lineOf(voice) {
  const known = await get("lines", voice);
  if (known) {
    return known.value;
  }
  const options = { model: "tts-1", voice, input: LINE, response_format: "mp3", seed: 1 };
  const line = await (await postJson(SPEECH, options)).blob();
  await put({ lines: { id: voice, value: line } });
  return line;
}

/**
 * @param {string} name of the voice.
 * @param {string} voice id or blend.
 * @param {(error: unknown) => void} onError
 * @returns {HTMLButtonElement}
 */
export function lineButton(name, voice, onError) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "round hear";
  button.ariaPressed = "false";
  setLabel(button, "voices.hear", { name });
  button.addEventListener("click", () => hearLine(button, voice).catch(onError));
  return button;
}
