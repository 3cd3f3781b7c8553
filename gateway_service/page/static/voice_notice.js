/** The notice under the voices, with undo for a deletion. */

import { element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setText } from "./language.js";

/** @type {(() => Promise<void>) | null} */
let undo = null;

export function setUpVoiceNotice() {
  element("voices-undo").addEventListener("click", takeBack);
}

/**
 * @param {string} key string key; "" for nothing.
 * @param {import("./language.js").Values} [values]
 */
export function tell(key, values) {
  undo = null;
  element("voices-undo").hidden = true;
  setText(element("voices-status"), key, values);
}

/**
 * @param {string} key string key of what was deleted.
 * @param {import("./language.js").Values} values
 * @param {() => Promise<void>} restore takes it back.
 */
export function offerUndo(key, values, restore) {
  tell(key, values);
  undo = restore;
  element("voices-undo").hidden = false;
  element("voices-undo").focus();
}

async function takeBack() {
  const button = element("voices-undo");
  const alert = element("voices-error");
  if (!undo || button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  hideError(alert);
  try {
    await undo();
    tell("voices.restored");
  } catch (error) {
    showError(alert, error);
  }
  button.ariaBusy = "false";
}
