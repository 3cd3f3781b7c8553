/** The list of recordings in the dialog: each can be heard and removed, and gets its verdict. */

import { playClip } from "./clip.js";
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
 * @param {{onRemove?: (sample: Sample) => void, checks?: SampleCheck[]}} options
 */
export function showSamples(id, samples, { onRemove, checks }) {
  const items = samples.map((sample, index) => item(sample, onRemove, checks?.[index]));
  element(id).replaceChildren(...items);
}

/**
 * @param {Sample} sample
 * @param {((sample: Sample) => void) | undefined} onRemove
 * @param {SampleCheck | undefined} check
 */
function item(sample, onRemove, check) {
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = sample.name;
  const row = document.createElement("div");
  row.className = "sample";
  row.append(listenButton(sample), name);
  if (onRemove) {
    const remove = button("quiet", "new.removeNamed", sample.name, () => onRemove(sample));
    setText(remove.firstElementChild, "new.remove");
    row.append(remove);
  }
  const entry = document.createElement("li");
  entry.append(row, ...(check ? [verdictOf(check)] : []));
  return entry;
}

/** @param {Sample} sample */
function listenButton({ name, blob }) {
  const listen = button("round hear", "new.listenNamed", name, async () => {
    const alert = element("record-error");
    hideError(alert);
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
