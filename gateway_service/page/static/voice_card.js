/** The card of a voice: leaf, name, a word on its character, and buttons to hear it and see more. */

import { element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setLabel, setText } from "./language.js";
import { leaf } from "./leaf.js";
import { lineButton } from "./voice_line.js";

/** @typedef {import("./voices.js").Choice} Choice */

let cards = 0; // numbers the ids

/**
 * @param {Choice} choice
 * @returns {HTMLElement}
 */
export function voiceCard(choice) {
  const { value, name } = choice;
  const id = `voice-${++cards}`;
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: "voice", value });
  radio.setAttribute("aria-labelledby", `${id}-name`);
  radio.setAttribute("aria-describedby", `${id}-about`);
  const label = document.createElement("label");
  label.append(radio, leaf(value, choice.tree), words(choice, id));
  const more = document.createElement("button");
  Object.assign(more, { type: "button", className: "icon more", textContent: "⋯" });
  setLabel(more, "voices.more", { name });
  more.addEventListener("click", () =>
    more.dispatchEvent(new CustomEvent("voiceabout", { detail: choice, bubbles: true })),
  );
  const alert = element("voices-error");
  const hear = lineButton(name, value, (error) => showError(alert, error));
  hear.addEventListener("click", () => hideError(alert));
  const card = document.createElement("div");
  card.className = "card";
  card.append(label, hear, more);
  return card;
}

/**
 * @param {Choice} choice
 * @param {string} id
 */
function words(choice, id) {
  const name = document.createElement("strong");
  Object.assign(name, { id: `${id}-name`, textContent: choice.name });
  const about = aboutLine(choice);
  about.id = `${id}-about`;
  const lines = document.createElement("span");
  lines.append(name, about);
  return lines;
}

/**
 * The character of a voice, or the shares of a blend.
 * @param {Choice} choice
 * @returns {HTMLElement}
 */
export function aboutLine({ kind, character, parts }) {
  const line = document.createElement("span");
  line.className = "muted";
  const items = [
    ...character.map((key) => word(key, {})),
    ...parts.map((part) => word("voices.share", part)),
  ];
  if (!items.length) {
    items.push(word(`voices.kind.${kind}`, {}));
  }
  line.append(...items.flatMap((item, index) => (index ? [", ", item] : [item])));
  return line;
}

/**
 * @param {string} key
 * @param {import("./language.js").Values} values
 */
function word(key, values) {
  const item = document.createElement("span");
  setText(item, key, values);
  return item;
}
