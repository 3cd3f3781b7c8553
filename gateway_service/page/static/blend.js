/** Blends of two voices, `ash(2)+birch(1)`: taken wherever a voice is, and kept by the browser. */

import { store, stored } from "./storage.js";

/** @typedef {{voice: string, weight: number}[]} Parts */

export const BLENDS = "blends"; // name of the stored value
const PART = /^([^()+]+)\((\d+)\)$/;
const MAX_BLENDS = 12;

/**
 * @param {Parts} parts
 * @returns {string} for the field `voice`.
 */
export function blendOf(parts) {
  return parts.map(({ voice, weight }) => `${voice}(${weight})`).join("+");
}

/**
 * @param {string} blend
 * @returns {Parts} empty for a voice that is no blend.
 */
export function partsOf(blend) {
  const parts = blend.split("+").map((part) => PART.exec(part));
  return parts.flatMap((found) => (found ? [{ voice: found[1], weight: Number(found[2]) }] : []));
}

/** @returns {string[]} the newest first. */
export function blends() {
  try {
    const found = JSON.parse(stored(BLENDS) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => partsOf(String(one)).length > 1) : [];
  } catch {
    return [];
  }
}

/** @param {string} blend */
export function keepBlend(blend) {
  keepAll([blend, ...blends().filter((other) => other !== blend)].slice(0, MAX_BLENDS));
}

/** @param {string} blend */
export function forgetBlend(blend) {
  keepAll(blends().filter((other) => other !== blend));
}

/** @param {string[]} all */
function keepAll(all) {
  store(BLENDS, JSON.stringify(all), { persistent: true });
}
