/** A button that opens a list of buttons, such as the download menu. Escape closes it. */

import { setLabel, setText } from "./language.js";

export class Menu {
  #button;
  #list = document.createElement("ul");
  #entries;
  #onError;

  /**
   * @param {HTMLButtonElement} button opens the menu; the list is put after it.
   * @param {() => import("./downloads.js").Entry[]} entries
   * @param {(error: unknown) => void} onError
   */
  constructor(button, entries, onError) {
    this.#button = button;
    this.#entries = entries;
    this.#onError = onError;
    this.#list.className = "menu plain";
    this.#list.hidden = true;
    setLabel(this.#list, "download.files");
    button.setAttribute("aria-expanded", "false");
    button.after(this.#list);
    button.addEventListener("click", () => (this.#list.hidden ? this.#open() : this.#close()));
    const parent = /** @type {HTMLElement} */ (button.parentElement);
    parent.classList.add("menu-holder");
    parent.addEventListener("keydown", (event) => this.#move(event));
    parent.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !parent.contains(relatedTarget)) {
        this.#close();
      }
    });
    document.addEventListener("click", ({ target }) => {
      if (target instanceof Node && !parent.contains(target)) {
        this.#close();
      }
    });
  }

  #open() {
    this.#list.replaceChildren(...this.#entries().map((entry) => this.#item(entry)));
    this.#list.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#list.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    if (this.#list.hidden) {
      return;
    }
    const buttons = [...this.#list.querySelectorAll("button")];
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const last = buttons.length - 1;
    const places = { ArrowDown: at === last ? 0 : at + 1, ArrowUp: at > 0 ? at - 1 : last, Home: 0, End: last };
    if (event.key === "Escape") {
      this.#close();
      this.#button.focus();
    } else if (event.key in places) {
      event.preventDefault();
      buttons[places[/** @type {keyof typeof places} */ (event.key)]].focus();
    }
  }

  #close() {
    this.#list.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }

  /** @param {import("./downloads.js").Entry} entry */
  #item({ label, format, save }) {
    const button = document.createElement("button");
    button.type = "button";
    setText(button, label, { format: format.toUpperCase() });
    button.addEventListener("click", async () => {
      if (button.ariaBusy === "true") {
        return;
      }
      button.ariaBusy = "true";
      try {
        await save();
        this.#close();
        this.#button.focus();
      } catch (error) {
        this.#onError(error);
      }
      button.ariaBusy = "false";
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }
}
