/** The field for the API key. It appears when the server asks for a key. */

import { KEY } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, hideErrors, showHint } from "./errors.js";
import { store } from "./storage.js";

/** @param {() => void} onKey called when the user enters a key. */
export function setUpAccessKey(onKey) {
  const field = input("access-key");
  let tried = false;

  document.addEventListener("keyneeded", () => {
    element("access").hidden = false;
    if (tried) {
      showHint(element("access-refused"), "access.refused");
    }
    // Move the focus only in answer to a user's action, not while the page loads.
    if (navigator.userActivation?.isActive) {
      field.focus();
    }
  });
  element("access-form").addEventListener("submit", (event) => {
    event.preventDefault();
    store(KEY, field.value.trim(), { persistent: input("access-remember").checked });
    field.value = "";
    element("access").hidden = true;
    hideError(element("access-refused"));
    hideErrors("key");
    tried = true;
    onKey();
  });
}
