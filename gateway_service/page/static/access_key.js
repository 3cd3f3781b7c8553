/** The API key: asked for when the server needs one, and later changed or forgotten. */

import { KEY } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, hideErrors, showHint } from "./errors.js";
import { store, stored, unstore } from "./storage.js";

let tried = false;

/** @param {() => void} onKey called when the user enters a key. */
export function setUpAccessKey(onKey) {
  const field = input("access-key");
  document.addEventListener("keyneeded", () => {
    show();
    if (tried || stored(KEY)) {
      showHint(element("access-refused"), "access.refused");
    }
    // Move the focus only in answer to a user's action, not while the page loads.
    if (navigator.userActivation?.isActive) {
      field.focus();
    }
  });
  element("access-form").addEventListener("submit", (event) => {
    event.preventDefault();
    hideError(element("access-refused"));
    if (!field.value.trim()) {
      showHint(element("access-refused"), "access.empty", field);
      return;
    }
    store(KEY, field.value.trim(), { persistent: input("access-remember").checked });
    field.value = "";
    hideErrors("key");
    tried = true;
    hide();
    onKey();
  });
  element("access-forget").addEventListener("click", () => {
    unstore(KEY);
    tried = false;
    hide();
    onKey();
  });
  element("access-close").addEventListener("click", hide);
  element("open-access").addEventListener("click", () => {
    show();
    field.focus();
  });
  hide();
}

function show() {
  element("access").hidden = false;
  element("open-access").hidden = true;
  element("access-forget").hidden = !stored(KEY);
  element("access-close").hidden = !stored(KEY);
}

function hide() {
  const hadFocus = element("access").contains(document.activeElement);
  element("access").hidden = true;
  element("open-access").hidden = !stored(KEY);
  hideError(element("access-refused"));
  if (hadFocus && stored(KEY)) {
    element("open-access").focus();
  }
}
