/** The state of the server, as a sentence with a dot in the footer. */

import { ApiError, call } from "./api.js";
import { element } from "./dom.js";
import { wordsFor } from "./errors.js";
import { setText } from "./language.js";

const READY = "health/ready";
const PAUSE = 30_000; // milliseconds between two checks

export function setUpHealth() {
  check();
  setInterval(() => {
    if (!document.hidden) {
      check();
    }
  }, PAUSE);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      check();
    }
  });
}

async function check() {
  try {
    await call(READY);
    show("good", "health.ready");
  } catch (error) {
    const { kind, code } = error instanceof ApiError ? error : new ApiError("unreachable");
    show(code === "not_ready" ? "fair" : "poor", wordsFor(code, kind));
  }
}

/**
 * @param {"good" | "fair" | "poor"} state
 * @param {string} key string key.
 */
function show(state, key) {
  const words = element("health-words");
  element("health-dot").dataset.state = state;
  if (words.dataset.text !== key) {
    setText(words, key); // a status is read aloud when it changes, not at each check
  }
}
