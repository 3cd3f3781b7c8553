/** The list of recordings in the dialog: each can be heard and removed, and gets its verdict. */

import { playClip, stopClip } from "./clip.js";
import { element } from "./dom.js";
import { hideError, showHint } from "./errors.js";
import { setLabel, setText } from "./language.js";
import { verdictOf } from "./verdict.js";

/**
 * @typedef {import("./voice_calls.js").Sample} Sample
 * @typedef {import("./verdict.js").SampleCheck} SampleCheck
 */

/**
 * @param {string} id of the list.
 * @param {Sample[]} samples
 * @param {HTMLElement} alert for a sample that cannot be played.
 * @param {{onRemove?: (sample: Sample) => void, checks?: SampleCheck[]}} options
 */
export function showSamples(id, samples, alert, { onRemove, checks }) {
  const items = samples.map((sample, at) => item(sample, alert, onRemove, checks?.[at]));
  element(id).replaceChildren(...items);
}

/**
 * @param {Sample} sample
 * @param {HTMLElement} alert
 * @param {((sample: Sample) => void) | undefined} onRemove
 * @param {SampleCheck | undefined} check
 */
function item(sample, alert, onRemove, check) {
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = sample.name;
  const row = document.createElement("div");
  row.className = "sample";
  row.append(listenButton(sample, alert), name);
  if (onRemove) {
    const remove = button("quiet", "new.removeNamed", sample.name, () => onRemove(sample));
    setText(remove.firstElementChild, "new.remove");
    row.append(remove);
  }
  const entry = document.createElement("li");
  entry.append(row, ...(check ? [verdictOf(check)] : []));
  return entry;
}

/**
 * @param {Sample} sample
 * @param {HTMLElement} alert
 */
function listenButton({ name, blob }, alert) {
  const listen = button("round hear", "new.listenNamed", name, async () => {
    hideError(alert);
    if (listen.ariaPressed === "true") {
      stopClip();
      return;
    }
    listen.ariaPressed = "true";
    if (!(await playClip(blob, () => (listen.ariaPressed = "false")))) {
      showHint(alert, "record.cannotPlay");
    }
  });
  listen.ariaPressed = "false";
  return listen;
}

/**
 * @param {string} className
 * @param {string} label string key of the label, which includes the name.
 * @param {string} name
 * @param {() => void} onClick
 */
function button(className, label, name, onClick) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className });
  made.append(document.createElement("span"));
  setLabel(made, label, { name });
  made.addEventListener("click", onClick);
  return made;
}
