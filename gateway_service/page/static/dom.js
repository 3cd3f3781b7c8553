/** The DOM: elements by id, the confirmation dialog, and file downloads. */

import { setText } from "./language.js";

/**
 * @param {string} id of an element in index.html.
 * @returns {HTMLElement}
 */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} id
 * @returns {HTMLInputElement}
 */
export function input(id) {
  return /** @type {HTMLInputElement} */ (element(id));
}

/**
 * @param {string} id
 * @returns {HTMLCanvasElement}
 */
export function canvas(id) {
  return /** @type {HTMLCanvasElement} */ (element(id));
}

/**
 * Asks for confirmation in a modal dialog.
 * @param {string} question string key of the question.
 * @param {string} action string key of the button's label.
 * @param {import("./language.js").Values} [values]
 * @returns {Promise<boolean>}
 */
export function confirmed(question, action, values = {}) {
  const dialog = /** @type {HTMLDialogElement} */ (element("confirm"));
  setText(element("confirm-question"), question, values);
  setText(element("confirm-yes"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * Saves a file on the user's device. A plain link to the API would not carry the key.
 * @param {Blob} blob
 * @param {string} name of the file.
 */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Revoked late: some browsers have not started to read the blob when click() returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
