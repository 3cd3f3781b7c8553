/**
 * The page's language. An element's attributes hold the keys of its strings, so that the whole page
 * can switch to another language:
 *   data-text    string key of the text
 *   data-label   string key of the aria-label
 *   data-values  JSON of the values in both strings
 *   data-time    Unix time in milliseconds, shown as date and time
 */

import { store, stored } from "./storage.js";
import english from "./strings/en.js";
import korean from "./strings/ko.js";

/** @typedef {Record<string, string | number>} Values */

/** @type {Record<string, Record<string, string>>} */
const STRINGS = { en: english, ko: korean };

let language = "en";

/**
 * @param {string} key
 * @param {Values} [values] for the {names} in the string; numbers get the language's format.
 * @returns {string}
 */
export function translate(key, values = {}) {
  const template = STRINGS[language][key];
  if (template === undefined) {
    throw new Error(`no string ${key}`);
  }
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) {
      throw new Error(`no value ${name} in ${key}`);
    }
    return formatted(values[name]);
  });
}

/** @param {string} key */
export function hasText(key) {
  return key in STRINGS[language];
}

/**
 * @param {string | number} value
 * @returns {string}
 */
function formatted(value) {
  if (typeof value === "string") {
    return value;
  }
  const options = /** @type {const} */ ({ maximumFractionDigits: 1, signDisplay: "negative" });
  return new Intl.NumberFormat(language, options).format(value).replace("-", "−");
}

/**
 * @param {Element | null} element
 * @param {string} key string key; "" for no text.
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
  const parsed = JSON.parse(values ?? "{}");
  if (text !== undefined) {
    element.textContent = text && translate(text, parsed);
  }
  if (label !== undefined) {
    element.setAttribute("aria-label", translate(label, parsed));
  }
  if (time !== undefined) {
    const options = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
    element.textContent = new Intl.DateTimeFormat(language, options).format(Number(time));
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
      store("language", chosen, { persistent: true });
      setLanguage(chosen);
    });
  }
  const preferred = stored("language") ?? navigator.language.slice(0, 2);
  setLanguage(preferred in STRINGS ? preferred : "en");
}
