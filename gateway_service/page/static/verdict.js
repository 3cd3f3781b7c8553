/** The server's verdict on each sample of a new voice. */

import { serverMessage } from "./errors.js";
import { setText } from "./language.js";

/**
 * Numbers are null for a file that could not be read.
 * @typedef {{file: string, usable: boolean, voiced_seconds: number | null,
 *   clipped_share: number | null, level_dbfs: number | null, snr_db: number | null,
 *   similarity: number | null, expected_similarity: number | null, warnings: string[]}} Verdict
 */

/**
 * @param {HTMLElement} region a live region.
 * @param {{name: string, samples: Verdict[]}} voice
 */
export function showVerdict(region, voice) {
  const saved = document.createElement("strong");
  setText(saved, "verdict.saved", { name: voice.name });
  const list = document.createElement("ul");
  list.className = "plain";
  list.append(...voice.samples.map(item));
  region.replaceChildren(saved, list);
}

/** @param {Verdict} verdict */
function item(verdict) {
  const name = document.createElement("p");
  const used = document.createElement("span");
  setText(used, verdict.usable ? "verdict.used" : "verdict.unused");
  name.append(`${verdict.file}: `, used);
  const found = document.createElement("ul");
  found.className = "facts muted";
  found.append(...facts(verdict));
  const warnings = verdict.warnings.map((warning) => {
    const paragraph = document.createElement("p");
    paragraph.className = "warning";
    paragraph.append(serverMessage(warning));
    return paragraph;
  });
  const all = document.createElement("li");
  all.append(name, found, ...warnings);
  return all;
}

/** @param {Verdict} verdict */
function facts(verdict) {
  const percent = (/** @type {number | null} */ share) => share && Math.round(100 * share);
  /** @type {[string, number | null][]} */
  const numbers = [
    ["verdict.speech", verdict.voiced_seconds],
    ["verdict.level", verdict.level_dbfs],
    ["verdict.noise", verdict.snr_db],
    ["verdict.clipped", percent(verdict.clipped_share) || null],
    ["verdict.expected", percent(verdict.expected_similarity)],
    ["verdict.similarity", percent(verdict.similarity)],
  ];
  return numbers.flatMap(([key, number]) => (number === null ? [] : [fact(key, number)]));
}

/**
 * @param {string} key
 * @param {number} number
 */
function fact(key, number) {
  const item = document.createElement("li");
  setText(item, key, { number });
  return item;
}
