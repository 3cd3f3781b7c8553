/** The server's verdict on recordings: a word, one remedy, and the numbers behind them. */

import { serverMessage } from "./errors.js";
import { setLabel, setText } from "./language.js";

/**
 * Numbers are null for a file that could not be read.
 * @typedef {{file: string, usable: boolean, voiced_seconds: number | null,
 *   clipped_share: number | null, level_dbfs: number | null, snr_db: number | null,
 *   similarity: number | null, expected_similarity: number | null, warnings: string[]}} Verdict
 * @typedef {"Good" | "Fair" | "Poor"} Rating
 * @typedef {Verdict & {rating: Rating, checks: {name: string, rating: Rating}[]}} SampleCheck
 */

/**
 * The verdict where the server can use none of the recordings: it sends an error then.
 * @param {string} file
 * @param {string} reason in English.
 * @returns {SampleCheck}
 */
export function unusable(file, reason) {
  const unknown = { voiced_seconds: null, clipped_share: null, level_dbfs: null, snr_db: null };
  const likeness = { similarity: null, expected_similarity: null };
  const verdict = { file, usable: false, ...unknown, ...likeness, warnings: [reason] };
  return { ...verdict, rating: "Poor", checks: [] };
}

const WORST_FIRST = /** @type {const} */ (["Poor", "Fair"]);

/**
 * @param {SampleCheck} check
 * @returns {HTMLElement}
 */
export function verdictOf(check) {
  const rating = document.createElement("strong");
  rating.className = `rating rating-${check.rating.toLowerCase()}`;
  setText(rating, `verdict.${check.rating.toLowerCase()}`);
  const line = document.createElement("p");
  const remedy = document.createElement("span");
  setText(remedy, remedyFor(check));
  line.append(rating, " ", remedy);
  const verdict = document.createElement("div");
  verdict.className = "verdict";
  verdict.append(line, numbers(check));
  return verdict;
}

/** @param {SampleCheck} check */
function remedyFor({ usable, rating, checks, similarity, warnings }) {
  const worst = WORST_FIRST.map((grade) => checks.find((one) => one.rating === grade)).find(Boolean);
  if (worst) {
    return `remedy.${worst.name}`;
  }
  if (!usable && similarity === null) {
    return "remedy.unreadable";
  }
  if (rating !== "Good" && warnings.length) {
    return similarity === null ? "remedy.other" : "remedy.unlike";
  }
  return "remedy.none";
}

/** @param {Verdict} verdict */
function numbers(verdict) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  setText(summary, "verdict.numbers");
  details.append(summary, factsOf(verdict), ...verdict.warnings.map(serverMessage));
  return details;
}

/**
 * A sample that a voice was made of.
 * @param {Verdict} verdict
 * @returns {HTMLElement}
 */
export function sampleFacts(verdict) {
  const name = document.createElement("span");
  name.textContent = verdict.file;
  const used = document.createElement("span");
  setText(used, verdict.usable ? "verdict.used" : "verdict.unused");
  const item = document.createElement("li");
  item.append(name, ": ", used, factsOf(verdict));
  return item;
}

/** @param {Verdict} verdict */
function factsOf(verdict) {
  const percent = (/** @type {number | null} */ share) => share && Math.round(100 * share);
  /** @type {[string, number | null][]} */
  const found = [
    ["verdict.speech", verdict.voiced_seconds],
    ["verdict.level", verdict.level_dbfs],
    ["verdict.noise", verdict.snr_db],
    ["verdict.clipped", percent(verdict.clipped_share) || null],
    ["verdict.expected", percent(verdict.expected_similarity)],
    ["verdict.similarity", percent(verdict.similarity)],
  ];
  const list = document.createElement("ul");
  list.className = "facts muted";
  setLabel(list, "verdict.numbers");
  list.append(...found.flatMap(([key, number]) => (number === null ? [] : [fact(key, number)])));
  return list;
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
