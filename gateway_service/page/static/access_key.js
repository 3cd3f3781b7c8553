/** The field for the API key, which appears when the server asks for one. */

import { KEY } from "./api.js";
import { hideProblem, hideProblems, showAdvice } from "./problems.js";
import { remember } from "./remembered.js";

/** @param {() => void} onKey called when there is a new key to try. */
export function setUpAccessKey(onKey) {
  const section = /** @type {HTMLElement} */ (document.getElementById("access"));
  const field = /** @type {HTMLInputElement} */ (document.getElementById("access-key"));
  const forever = /** @type {HTMLInputElement} */ (document.getElementById("access-remember"));

  const refusal = /** @type {HTMLElement} */ (document.getElementById("access-refused"));
  let tried = false;

  document.addEventListener("keyneeded", () => {
    section.hidden = false;
    if (tried) {
      showAdvice(refusal, "access.refused");
    }
    // Who pressed a button is led to the field; who just opened the page is not thrown about.
    if (navigator.userActivation?.isActive) {
      field.focus();
    }
  });
  document.getElementById("access-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    remember(KEY, field.value.trim(), { forever: forever.checked });
    field.value = "";
    section.hidden = true;
    hideProblem(refusal);
    hideProblems("key");
    tried = true;
    onKey();
  });
}
