/** Deletions that can be undone for a while: what is deleted is hidden at once, and gone later. */

import { element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setText } from "./language.js";

export const UNDO_SECONDS = 10;

/**
 * @typedef {object} Deletion
 * @property {() => Promise<void>} show brings back what the caller has hidden.
 * @property {() => void} focus moves the focus there, once it is undone.
 * @property {() => Promise<void>} commit deletes it: after some seconds, before the next deletion, or
 *   when the page is left.
 */

/** The notice and the button of one part of the page. */
export class Undo {
  #part;
  /** @type {Deletion | null} */
  #pending = null;
  #timer = 0;

  /** @param {"history" | "voices"} part */
  constructor(part) {
    this.#part = part;
    this.#element("undo").addEventListener("click", () => this.#takeBack());
    addEventListener("pagehide", () => this.commit());
  }

  /**
   * @param {Deletion} deletion
   * @param {import("./language.js").Values} [values] of the notice.
   */
  offer(deletion, values) {
    this.commit();
    this.#pending = deletion;
    this.#timer = window.setTimeout(() => this.commit(), UNDO_SECONDS * 1000);
    setText(this.#element("status"), `deleted.${this.#part}`, values);
    this.#element("undo").hidden = false;
    this.#element("undo").focus();
  }

  async #takeBack() {
    const deletion = this.#end();
    if (deletion) {
      hideError(this.#element("error"));
      setText(this.#element("status"), `restored.${this.#part}`);
      await deletion.show();
      deletion.focus();
    }
  }

  /** Makes the deletion final, if there is one; if it fails, what was deleted comes back. */
  async commit() {
    const deletion = this.#end();
    if (!deletion) {
      return;
    }
    setText(this.#element("status"), "");
    try {
      await deletion.commit();
    } catch (error) {
      await deletion.show();
      showError(this.#element("error"), error);
    }
  }

  #end() {
    const deletion = this.#pending;
    const button = this.#element("undo");
    clearTimeout(this.#timer);
    this.#pending = null;
    if (document.activeElement === button) {
      this.#element("title").focus();
    }
    button.hidden = true;
    return deletion;
  }

  /** @param {string} name */
  #element(name) {
    return element(`${this.#part}-${name}`);
  }
}
