/** Error messages, each in an element with role=alert beside the control it concerns. */

import { ApiError, isAbort } from "./api.js";
import { setText } from "./language.js";

/**
 * @param {HTMLElement} alert
 * @param {unknown} error an ApiError; any other error is a bug of the page and is logged.
 */
export function showError(alert, error) {
  if (isAbort(error)) {
    return;
  }
  if (!(error instanceof ApiError)) {
    console.error(error);
  }
  const { kind, message } = error instanceof ApiError ? error : new ApiError("page", String(error));
  const headline = document.createElement("strong");
  setText(headline, `error.${kind}`);
  alert.replaceChildren(headline);
  if (message) {
    alert.append(" ", serverMessage(message));
  }
  alert.hidden = false;
}

/**
 * Tells the user what to do.
 * @param {HTMLElement} alert
 * @param {string} key string key.
 * @param {HTMLElement} [field] receives the focus.
 * @param {import("./language.js").Values} [values]
 */
export function showHint(alert, key, field, values) {
  const hint = document.createElement("span");
  setText(hint, key, values);
  alert.replaceChildren(hint);
  alert.hidden = false;
  field?.focus();
}

/** @param {HTMLElement} alert */
export function hideError(alert) {
  alert.hidden = true;
  alert.replaceChildren();
}

/** @param {string} kind hides all errors of this kind, wherever they are shown. */
export function hideErrors(kind) {
  for (const headline of document.querySelectorAll(`[data-text="error.${kind}"]`)) {
    hideError(/** @type {HTMLElement} */ (headline.parentElement));
  }
}

/**
 * @param {string} message in English: the server has no translations.
 * @returns {HTMLElement}
 */
export function serverMessage(message) {
  const span = document.createElement("span");
  span.lang = "en";
  span.textContent = message;
  return span;
}
