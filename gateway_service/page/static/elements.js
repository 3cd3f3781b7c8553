/** The elements of index.html, by their ids. */

/**
 * @param {string} id of one that is there.
 * @returns {HTMLElement}
 */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} id of a field.
 * @returns {HTMLInputElement}
 */
export function input(id) {
  return /** @type {HTMLInputElement} */ (element(id));
}

/**
 * @param {string} id
 * @returns {HTMLCanvasElement}
 */
export function canvas(id) {
  return /** @type {HTMLCanvasElement} */ (element(id));
}
