/** The voices as cards: one is chosen. The user's own come first, then blends and presets. */

import { ApiError } from "./api.js";
import { BLENDS, blends, partsOf } from "./blend.js";
import { PRESETS } from "./character.js";
import { DELETED, finishDeletions, isDeleted } from "./deleted_voices.js";
import { element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setText } from "./language.js";
import { store, stored } from "./storage.js";
import { listVoices } from "./voice_calls.js";
import { voiceCard } from "./voice_card.js";

/**
 * What a card shows. value: for the field `voice`. tree: the shape of the leaf. character: string
 * keys. parts: of a blend.
 * @typedef {{value: string, name: string, kind: "own" | "blend" | "preset", tree: string,
 *   character: string[], parts: {name: string, percent: number}[]}} Choice
 */

const SELECTED = "voice";
const CHARACTERS = "characters";

/** @type {import("./voice_calls.js").Voice[]} */
let voices = [];
let drawn = ""; // the choices on the page
/** @type {(() => void)[]} */
const listeners = [];

/** @param {() => void} listener called after each listing of the voices. */
export function onVoicesListed(listener) {
  listeners.push(listener);
}

/**
 * @param {string} value id, name or blend of a voice.
 * @returns {string} its name, or the value itself for a voice that is gone.
 */
export function voiceName(value) {
  const parts = partsOf(value);
  if (parts.length > 1) {
    return parts.map(({ voice }) => voiceName(voice)).join(" + ");
  }
  return voices.find(({ id }) => id === value)?.name ?? value;
}

/**
 * @returns {Promise<string>} id or blend, for the field `voice`.
 * @throws {ApiError} if the list could not be had.
 */
export async function selectedVoice() {
  if (!checked()) {
    await showVoices();
  }
  const radio = checked();
  if (!radio) {
    throw new ApiError("voices");
  }
  return radio.value;
}

/** @returns {HTMLInputElement | null} */
function checked() {
  return document.querySelector("input[name=voice]:checked");
}

/** @param {string} value the voice whose card gets the focus, on its last button. */
export function focusMore(value) {
  const radio = document.querySelector(`input[name=voice][value="${CSS.escape(value)}"]`);
  /** @type {HTMLElement | null | undefined} */ (radio?.closest(".card")?.querySelector(".more"))?.focus();
}

function picker() {
  return /** @type {HTMLSelectElement} */ (element("voice-select"));
}

export function setUpVoices() {
  picker().addEventListener("change", () => choose(picker().value));
  element("voice-cards").addEventListener("change", ({ target }) =>
    choose(/** @type {HTMLInputElement} */ (target).value),
  );
  addEventListener("storage", ({ key }) => {
    if (key && [BLENDS, CHARACTERS, DELETED].includes(key)) {
      refresh();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      refresh();
    }
  });
}

async function loadVoices() {
  voices = await listVoices();
  finishDeletions(voices.map(({ id }) => id));
}

/** Shows what another tab or device has changed. */
async function refresh() {
  try {
    await loadVoices();
  } catch {
    return; // the voices on the page stay; using one tells what is wrong
  }
  if (JSON.stringify(choices()) !== drawn) {
    await showVoices();
  }
}

/** @param {string} value */
function choose(value) {
  store(SELECTED, value, { persistent: true });
  for (const radio of document.querySelectorAll("input[name=voice]")) {
    const button = /** @type {HTMLInputElement} */ (radio);
    button.checked = button.value === value;
  }
  picker().value = value;
}

/** @param {string} [selected] the voice to choose; by default the choice stays. */
export async function showVoices(selected = checked()?.value ?? stored(SELECTED) ?? "") {
  const list = element("voice-cards");
  list.ariaBusy = "true";
  hideError(element("voices-error"));
  try {
    await loadVoices();
    const all = choices();
    drawn = JSON.stringify(all);
    const groups = [all.filter(({ kind }) => kind !== "preset"), presets()];
    list.replaceChildren(...groups.flatMap(group));
    picker().replaceChildren(...all.map(({ value, name }) => new Option(name, value)));
    listeners.forEach((listener) => listener());
    const existing = all.find(({ value }) => value === selected) ?? presets()[0];
    if (existing) {
      choose(existing.value);
    }
  } catch (error) {
    showError(element("voices-error"), error);
  }
  list.ariaBusy = "false";
}

/**
 * A heading, if there are several groups, and the cards.
 * @param {Choice[]} group
 * @param {number} index
 * @param {Choice[][]} groups
 * @returns {HTMLElement[]}
 */
function group(group, index, groups) {
  if (!group.length) {
    return [];
  }
  const heading = document.createElement("h3");
  setText(heading, index ? "voices.presets" : "voices.own");
  const cards = document.createElement("div");
  cards.className = "cards";
  cards.append(...group.map(voiceCard));
  return groups.every(({ length }) => length) ? [heading, cards] : [cards];
}

/** @returns {Choice[]} in the order of the cards. */
export function choices() {
  const own = voices.filter(({ id, preset }) => !preset && !isDeleted(id)).map(ownChoice);
  return [...own, ...blends().flatMap(blendChoice), ...presets()];
}

/** @returns {Choice[]} */
function presets() {
  return voices
    .filter(({ preset }) => preset)
    .map(({ id, name }) => choice(id, name, "preset", PRESETS[name] ?? []));
}

/** @param {import("./voice_calls.js").Voice} voice */
function ownChoice({ id, name }) {
  return choice(id, name, "own", characters()[id] ?? []);
}

/**
 * @param {string} value
 * @param {string} name
 * @param {Choice["kind"]} kind
 * @param {string[]} character
 * @returns {Choice}
 */
function choice(value, name, kind, character) {
  return { value, name, kind, character, tree: kind === "preset" ? name : "other", parts: [] };
}

/**
 * @param {string} blend
 * @returns {Choice[]} empty if one of its voices is gone.
 */
function blendChoice(blend) {
  const parts = partsOf(blend);
  const shown = voices.filter(({ id }) => !isDeleted(id));
  const known = parts.every(({ voice }) => shown.some(({ id, name }) => [id, name].includes(voice)));
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const shares = parts.map(({ voice, weight }) => ({
    name: voiceName(voice),
    percent: Math.round((100 * weight) / sum),
  }));
  const found = choice(blend, voiceName(blend), "blend", []);
  return known ? [{ ...found, parts: shares }] : [];
}

/** @returns {Record<string, string[]>} string keys by id. */
function characters() {
  try {
    return JSON.parse(stored(CHARACTERS) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

/**
 * Keeps the character of a voice, which is measured where its samples are at hand.
 * @param {string} id
 * @param {string[]} character string keys.
 */
export function keepCharacter(id, character) {
  const existing = (/** @type {[string, string[]]} */ [key]) => voices.some((voice) => voice.id === key);
  const known = Object.fromEntries(Object.entries(characters()).filter(existing));
  store(CHARACTERS, JSON.stringify({ ...known, [id]: character }), { persistent: true });
}
