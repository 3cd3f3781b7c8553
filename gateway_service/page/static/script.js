/** Notices words that the voices cannot read while they are typed, by the server's own rule. */

import { element, input } from "./dom.js";
import { setText } from "./language.js";

const WORD = /[\p{L}\p{M}]+/gu;
const READABLE = /[\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u;
const GREEK = /^\p{Script=Greek}$/u; // a unit or a quantity: µ, π, Ω
const MAX_SHOWN = 3; // words
const PAUSE_MILLISECONDS = 1000; // in typing, before a word is announced

export function setUpScript() {
  const text = input("text");
  let timer = 0;
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => show(text.value), PAUSE_MILLISECONDS);
  });
  show(text.value);
}

/** @param {string} word */
function isUnreadable(word) {
  const letters = [...word].filter((letter) => !READABLE.test(letter));
  return 2 * letters.length > [...word].length && !GREEK.test(word);
}

/** @param {string} text */
function show(text) {
  const found = [...new Set((text.match(WORD) ?? []).filter(isUnreadable))];
  const words = found.slice(0, MAX_SHOWN).join(" ") + (found.length > MAX_SHOWN ? " …" : "");
  const notice = element("text-script");
  if (notice.dataset.values !== JSON.stringify({ words })) {
    setText(notice, words && "script.unreadable", { words });
  }
}
