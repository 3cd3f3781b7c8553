/** Errors in words, beside what they are about. Each place is an element with role=alert. */

import { setText } from "./language.js";
import { isAbort, Problem } from "./api.js";

/**
 * @param {HTMLElement} place
 * @param {unknown} error anything thrown; what is no Problem is a mistake of the page's own.
 */
export function showProblem(place, error) {
  if (isAbort(error)) {
    return;
  }
  if (!(error instanceof Problem)) {
    console.error(error);
  }
  const problem = error instanceof Problem ? error : new Problem("page", String(error));
  const headline = document.createElement("strong");
  setText(headline, `problem.${problem.kind}`);
  place.replaceChildren(headline);
  if (problem.message) {
    place.append(" ", serverWords(problem.message));
  }
  place.hidden = false;
}

/**
 * @param {HTMLElement} place
 * @param {string} key of the page's own strings: what the user should do.
 * @param {HTMLElement} [field] that gets the focus.
 * @param {import("./language.js").Values} [values]
 */
export function showAdvice(place, key, field, values) {
  const advice = document.createElement("span");
  setText(advice, key, values);
  place.replaceChildren(advice);
  place.hidden = false;
  field?.focus();
}

/** @param {HTMLElement} place */
export function hideProblem(place) {
  place.hidden = true;
  place.replaceChildren();
}

/** @param {string} kind of problems that are over, wherever they stand. */
export function hideProblems(kind) {
  for (const headline of document.querySelectorAll(`[data-text="problem.${kind}"]`)) {
    hideProblem(/** @type {HTMLElement} */ (headline.parentElement));
  }
}

/** @param {string} message what the server says is English. */
export function serverWords(message) {
  const span = document.createElement("span");
  span.lang = "en";
  span.textContent = message;
  return span;
}
