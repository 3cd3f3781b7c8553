/** The state of the server, as a sentence with a dot in the footer. */

import { ApiError, call } from "./api.js";
import { element } from "./dom.js";
import { wordsFor } from "./errors.js";
import { setText } from "./language.js";

const READY = "health/ready";
const PAUSE = 30_000; // milliseconds between two checks
const REMEMBERED = 60_000; // milliseconds: the check does not see the services behind the gateway

let lastFailure = -Infinity;

export function setUpHealth() {
  check();
  setInterval(() => {
    if (!document.hidden) {
      check();
    }
  }, PAUSE);
  document.addEventListener("servicedown", (event) => {
    const { kind, code } = /** @type {CustomEvent<ApiError>} */ (event).detail;
    lastFailure = performance.now();
    show(code === "not_ready" ? "fair" : "poor", wordsFor(code, kind));
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      check();
    }
  });
}

async function check() {
  try {
    await call(READY);
    if (performance.now() - lastFailure > REMEMBERED) {
      show("good", "health.ready");
    }
  } catch (error) {
    const { kind, code } = error instanceof ApiError ? error : new ApiError("unreachable");
    if (kind !== "down") {
      show("poor", wordsFor(code, kind));
    }
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
