/** Error messages, each in an element with role=alert beside the control it concerns. */

import { ApiError, isAbort } from "./api.js";
import { hasText, setText } from "./language.js";

/** Codes of malformed requests. The page sends none, unless it is older than the server. */
const MALFORMED = new Set([
  "malformed_request",
  "head_too_large",
  "invalid_json",
  "not_finite",
  "missing",
  "wrong_type",
  "wrong_length",
  "ragged",
  "out_of_range",
  "int_parsing",
  "int_type",
  "float_parsing",
  "greater_than_equal",
  "invalid_voices",
  "range_not_satisfiable",
  "preflight_refused",
  "method_not_allowed",
  "too_many_values",
  "websocket_needed",
]);

/**
 * @param {string} code of the API.
 * @param {string} [kind] of the ApiError, for a code without words of its own.
 * @returns {string} string key of the words for it.
 */
export function wordsFor(code, kind = "other") {
  const key = MALFORMED.has(code) ? "code.invalid_value" : `code.${code}`;
  return hasText(key) ? key : `error.${kind}`;
}

/**
 * @param {HTMLElement} alert
 * @param {unknown} error an ApiError; any other error is a bug of the page and is logged.
 * @param {HTMLElement} [field] the entry at fault.
 */
export function showError(alert, error, field) {
  if (isAbort(error)) {
    return;
  }
  if (!(error instanceof ApiError)) {
    console.error(error);
  }
  const { kind, code, message } =
    error instanceof ApiError ? error : new ApiError("page", String(error));
  show(alert, wordsFor(code, kind), {}, field);
  alert.dataset.kind = kind;
  if (message) {
    alert.append(" ", fullMessage(message));
  }
}

/**
 * Tells the user what to do.
 * @param {HTMLElement} alert
 * @param {string} key string key.
 * @param {HTMLElement} [field] receives the focus.
 * @param {import("./language.js").Values} [values]
 */
export function showHint(alert, key, field, values) {
  show(alert, key, values, field);
  field?.focus();
}

/**
 * @param {HTMLElement} alert
 * @param {string} key
 * @param {import("./language.js").Values} [values]
 * @param {HTMLElement} [field]
 */
function show(alert, key, values, field) {
  const words = document.createElement("span");
  setText(words, key, values);
  alert.replaceChildren(words);
  alert.hidden = false;
  if (field?.matches("input, textarea, select")) {
    markInvalid(field, alert);
  }
}

/**
 * Connects a field with its error until the user changes it, or `hideError` is called.
 * @param {HTMLElement} field
 * @param {HTMLElement} alert
 */
function markInvalid(field, alert) {
  const described = field.getAttribute("aria-describedby") ?? "";
  const ids = described.split(" ").filter((id) => id && id !== alert.id);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [...ids, alert.id].join(" "));
  const mended = () => hideError(alert);
  field.addEventListener("input", mended, { once: true });
  field.addEventListener("change", mended, { once: true });
}

/** @param {HTMLElement} alert */
export function hideError(alert) {
  alert.hidden = true;
  alert.replaceChildren();
  delete alert.dataset.kind;
  for (const field of document.querySelectorAll(`[aria-invalid][aria-describedby~="${alert.id}"]`)) {
    field.removeAttribute("aria-invalid");
  }
}

/** @param {string} kind hides all errors of this kind, wherever they are shown. */
export function hideErrors(kind) {
  for (const alert of document.querySelectorAll(`[data-kind="${kind}"]`)) {
    hideError(/** @type {HTMLElement} */ (alert));
  }
}

/**
 * The server's own message, folded: it names the field and the limit.
 * @param {string} message in English.
 * @returns {HTMLElement}
 */
export function fullMessage(message) {
  const details = document.createElement("details");
  details.className = "said";
  const summary = document.createElement("summary");
  setText(summary, "error.details");
  details.append(summary, serverMessage(message));
  return details;
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
