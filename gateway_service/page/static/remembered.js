/** What the browser keeps for this page. One that may keep nothing throws: then nothing is kept. */

/**
 * @param {() => T} use
 * @returns {T | null}
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
 * @returns {string | null} of this tab, else of this browser.
 */
export function remembered(name) {
  return ifAllowed(() => sessionStorage.getItem(name) ?? localStorage.getItem(name));
}

/**
 * @param {string} name
 * @param {string} value
 * @param {{forever: boolean}} how forever: also when the tab is closed.
 */
export function remember(name, value, { forever }) {
  ifAllowed(() => {
    forget(name);
    (forever ? localStorage : sessionStorage).setItem(name, value);
  });
}

/** @param {string} name */
export function forget(name) {
  ifAllowed(() => {
    sessionStorage.removeItem(name);
    localStorage.removeItem(name);
  });
}
