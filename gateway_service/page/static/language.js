/**
 * The page's words. Each element says by attributes which words it shows, so that all of them can
 * be said again in another language:
 *   data-text    key of its text
 *   data-label   key of its aria-label
 *   data-values  JSON of the values in both
 *   data-time    Unix milliseconds, shown as a date and time
 */

import english from "./strings/en.js";
import korean from "./strings/ko.js";
import { remember, remembered } from "./remembered.js";

/** @typedef {Record<string, string | number>} Values */

/** @type {Record<string, Record<string, string>>} */
const STRINGS = { en: english, ko: korean };

let language = "en";

/**
 * @param {string} key
 * @param {Values} [values] for the {names} in the string; numbers are written as the language does.
 * @returns {string}
 */
export function words(key, values = {}) {
  const template = STRINGS[language][key];
  if (template === undefined) {
    throw new Error(`no string ${key}`);
  }
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) {
      throw new Error(`no value ${name} in ${key}`);
    }
    return written(values[name]);
  });
}

/**
 * @param {string | number} value
 * @returns {string}
 */
function written(value) {
  if (typeof value === "string") {
    return value;
  }
  const style = /** @type {const} */ ({ maximumFractionDigits: 1, signDisplay: "negative" });
  return new Intl.NumberFormat(language, style).format(value).replace("-", "−");
}

/**
 * @param {Element | null} element
 * @param {string} key "" for no text.
 * @param {Values} [values]
 */
export function setText(element, key, values = {}) {
  const { dataset } = /** @type {HTMLElement} */ (element);
  dataset.text = key;
  dataset.values = JSON.stringify(values);
  show(/** @type {HTMLElement} */ (element));
}

/**
 * @param {Element} element
 * @param {string} key
 * @param {Values} [values]
 */
export function setLabel(element, key, values = {}) {
  const { dataset } = /** @type {HTMLElement} */ (element);
  dataset.label = key;
  dataset.values = JSON.stringify(values);
  show(/** @type {HTMLElement} */ (element));
}

/**
 * @param {HTMLTimeElement} element
 * @param {number} milliseconds since 1970.
 */
export function setTime(element, milliseconds) {
  element.dateTime = new Date(milliseconds).toISOString();
  element.dataset.time = String(milliseconds);
  show(element);
}

/** @param {HTMLElement} element */
function show(element) {
  const { text, label, values, time } = element.dataset;
  const given = JSON.parse(values ?? "{}");
  if (text !== undefined) {
    element.textContent = text && words(text, given);
  }
  if (label !== undefined) {
    element.setAttribute("aria-label", words(label, given));
  }
  if (time !== undefined) {
    const style = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
    element.textContent = new Intl.DateTimeFormat(language, style).format(Number(time));
  }
}

/** @param {string} chosen */
function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.querySelectorAll("[data-text], [data-label], [data-time]").forEach((element) =>
    show(/** @type {HTMLElement} */ (element)),
  );
  for (const button of buttons()) {
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
  }
  document.dispatchEvent(new Event("languagechange"));
}

/** @returns {NodeListOf<HTMLElement>} */
function buttons() {
  return document.querySelectorAll("[data-language]");
}

export function setUpLanguage() {
  for (const button of buttons()) {
    button.addEventListener("click", () => {
      const chosen = /** @type {string} */ (button.dataset.language);
      remember("language", chosen, { forever: true });
      setLanguage(chosen);
    });
  }
  const wished = remembered("language") ?? navigator.language.slice(0, 2);
  setLanguage(wished in STRINGS ? wished : "en");
}
