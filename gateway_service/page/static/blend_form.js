/** The form for a blend of two voices. */

import { blendOf, keepBlend } from "./blend.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { setText } from "./language.js";
import { hearLine } from "./voice_line.js";
import { tell } from "./voice_notice.js";
import { choices, onVoicesListed, showVoices } from "./voices.js";

const STEPS = 10; // of the slider; also the sum of the weights

/** @param {string} id */
const select = (id) => /** @type {HTMLSelectElement} */ (element(id));
const alert = () => element("blend-error");

export function setUpBlendForm() {
  onVoicesListed(fill);
  for (const id of ["blend-first", "blend-second", "blend-share"]) {
    element(id).addEventListener("input", showShares);
  }
  document.addEventListener("languagechange", showShares);
  element("blend-hear").addEventListener("click", hear);
  element("blend-form").addEventListener("submit", (event) => {
    event.preventDefault();
    use();
  });
}

/** Offers all voices but the blends, and keeps what is chosen. */
function fill() {
  const simple = choices().filter(({ kind }) => kind !== "blend");
  ["blend-first", "blend-second"].forEach((id, index) => {
    const before = select(id).value;
    select(id).replaceChildren(...simple.map(({ value, name }) => new Option(name, value)));
    const stays = simple.some(({ value }) => value === before);
    select(id).value = stays ? before : (simple[index]?.value ?? "");
  });
  showShares();
}

function showShares() {
  const second = Number(input("blend-share").value) / STEPS;
  const names = ["blend-first", "blend-second"].map((id) => select(id).selectedOptions[0]?.text ?? "");
  const values = {
    first: names[0],
    second: names[1],
    firstPercent: Math.round(100 * (1 - second)),
    secondPercent: Math.round(100 * second),
  };
  setText(element("blend-shares"), "blend.shares", values);
  input("blend-share").setAttribute("aria-valuetext", element("blend-shares").textContent ?? "");
}

/** @returns {string | null} the blend; null, with a hint, for one voice twice. */
function chosen() {
  hideError(alert());
  const [first, second] = [select("blend-first").value, select("blend-second").value];
  if (first === second) {
    showHint(alert(), "blend.sameTwice", select("blend-second"));
    return null;
  }
  const weight = Number(input("blend-share").value);
  return blendOf([
    { voice: nameOrId(first), weight: STEPS - weight },
    { voice: nameOrId(second), weight },
  ]);
}

/**
 * A preset's name, which stays and can be read; another voice's id, since it may be renamed.
 * @param {string} id
 */
function nameOrId(id) {
  const found = choices().find(({ value }) => value === id);
  return found?.kind === "preset" ? found.name : id;
}

function hear() {
  const blend = chosen();
  if (blend) {
    const button = /** @type {HTMLButtonElement} */ (element("blend-hear"));
    hearLine(button, blend).catch((error) => showError(alert(), error));
  }
}

async function use() {
  const blend = chosen();
  if (blend) {
    keepBlend(blend);
    await showVoices(blend);
    tell("blend.kept");
  }
}
