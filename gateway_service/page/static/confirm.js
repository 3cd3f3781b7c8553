/** Asks before something is lost. */

import { setText } from "./language.js";

/**
 * @param {string} question key of the question
 * @param {string} action key of what the button does
 * @param {import("./language.js").Values} [values]
 * @returns {Promise<boolean>}
 */
export function confirmed(question, action, values = {}) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
  setText(document.getElementById("confirm-question"), question, values);
  setText(document.getElementById("confirm-yes"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
