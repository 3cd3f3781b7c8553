/** Import of a voice from its file. */

import { ApiError } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { importVoice } from "./voice_calls.js";
import { finishDeletion, tell } from "./voice_notice.js";
import { showVoices } from "./voices.js";

const MAX_NAMESAKES = 20;

export function setUpVoiceImport() {
  input("import-voice").addEventListener("change", read);
}

async function read() {
  const field = input("import-voice");
  const file = field.files?.[0];
  hideError(element("voices-error"));
  tell("");
  if (!file) {
    return;
  }
  field.ariaBusy = "true";
  try {
    const voice = parsed(await file.text());
    if (voice) {
      await finishDeletion();
      const { id, name } = await underFreeName(voice);
      await showVoices(id);
      tell("voices.imported", { name });
    } else {
      showHint(element("voices-error"), "voices.notAVoice", undefined, { name: file.name });
    }
  } catch (error) {
    showError(element("voices-error"), error);
  }
  field.ariaBusy = "false";
  field.value = "";
}

/**
 * @param {string} text
 * @returns {any} the voice, or null for any other file.
 */
function parsed(text) {
  try {
    const file = JSON.parse(text);
    return file?.object === "audio.voice.file" && Array.isArray(file.embedding) ? file : null;
  } catch {
    return null;
  }
}

/**
 * Adds a number to a name that is taken.
 * @param {any} voice
 */
async function underFreeName(voice) {
  for (let number = 1; ; number++) {
    const name = number === 1 ? voice.name : `${voice.name} ${number}`;
    try {
      return await importVoice({ ...voice, name });
    } catch (error) {
      const taken = error instanceof ApiError && error.code === "voice_exists";
      if (!taken || number === MAX_NAMESAKES) {
        throw error;
      }
    }
  }
}
