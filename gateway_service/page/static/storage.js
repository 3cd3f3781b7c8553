/**
 * Values that the browser stores for this page, in the tab or for good. Where storage is blocked,
 * nothing is stored and nothing fails.
 */

/**
 * @param {() => T} use
 * @returns {T | null} null where the browser blocks storage.
 * @template T
 */
function ifAllowed(use) {
  try {
    return use();
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @returns {string | null} the tab's value, else the browser's.
 */
export function stored(name) {
  return ifAllowed(() => sessionStorage.getItem(name) ?? localStorage.getItem(name));
}

/**
 * @param {string} name
 * @param {string} value
 * @param {{persistent: boolean}} options persistent: keep the value after the tab is closed.
 */
export function store(name, value, { persistent }) {
  ifAllowed(() => {
    sessionStorage.removeItem(name);
    localStorage.removeItem(name);
    (persistent ? localStorage : sessionStorage).setItem(name, value);
  });
}

/** @param {string} name */
export function unstore(name) {
  ifAllowed(() => {
    sessionStorage.removeItem(name);
    localStorage.removeItem(name);
  });
}

/**
 * Stores a value for the tab, so that two tabs keep two, and for the next tab to begin with.
 * @param {string} name
 * @param {string} value
 */
export function storeDraft(name, value) {
  ifAllowed(() => {
    sessionStorage.setItem(name, value);
    localStorage.setItem(name, value);
  });
}
