/**
 * The text as it was spoken: a button for each sentence, one tab stop for all of them, and the word
 * that is heard marked in it. Arrow keys move between sentences, Enter plays one, a click on a word
 * seeks to it.
 */

/** @typedef {Pick<import("./speech.js").Sentence, "text" | "start" | "end" | "words">} Sentence */

const MAX_SHOWN = 200; // sentences at a time, of a book too

export class Reader {
  #list;
  #onSeek;
  /** @type {Sentence[]} */
  #sentences = [];
  #first = 0; // index of the first sentence that is shown
  #current = -1;
  /** @type {Element | undefined} */
  #word;

  /**
   * @param {HTMLElement} list
   * @param {(seconds: number) => void} onSeek called for the sentence or word that the user chooses.
   */
  constructor(list, onSeek) {
    this.#list = list;
    this.#onSeek = onSeek;
    list.addEventListener("click", (event) => this.#seekTo(event));
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  get current() {
    return this.#current;
  }

  /** @param {Sentence[]} sentences */
  show(sentences) {
    this.#sentences = sentences;
    this.#current = -1;
    this.#showFrom(0);
    if (sentences.length > 0) {
      this.select(0);
    }
  }

  /** The list of sentences has another one, or words of its last one have come. */
  grow() {
    const last = this.#sentences.length - 1;
    if (last - this.#first >= MAX_SHOWN) {
      return;
    }
    const shown = this.#items().length + this.#first;
    for (let index = shown; index <= last; index++) {
      this.#list.append(this.#item(index));
    }
    if (this.#current < 0 && last >= 0) {
      this.select(0);
    }
  }

  /** @param {number} index of a sentence that has changed. */
  refresh(index) {
    this.#items()[index - this.#first]?.replaceWith(this.#item(index));
    if (index === this.#current) {
      this.#current = -1;
      this.select(index);
    }
  }

  /** @param {number} index of the sentence to mark as the current one. */
  select(index) {
    if (index === this.#current || !this.#sentences[index]) {
      return;
    }
    this.#bringIn(index);
    const focusMoves = this.#list.contains(document.activeElement);
    for (const button of this.#buttons()) {
      button.removeAttribute("aria-current");
      button.tabIndex = -1;
    }
    this.#current = index;
    const button = this.#buttons()[index - this.#first];
    button.setAttribute("aria-current", "true");
    const focused = focusMoves ? document.activeElement : null;
    (focused instanceof HTMLElement && this.#list.contains(focused) ? focused : button).tabIndex = 0;
  }

  /** @param {number | null} seconds the position of the sound; null marks no word. */
  follow(seconds) {
    let next;
    if (seconds !== null) {
      const index = this.#sentences.findLastIndex(({ start }) => start <= seconds + 0.001);
      this.select(Math.max(0, index));
      next = this.#wordAt(seconds);
    }
    if (next !== this.#word) {
      this.#word?.classList.remove("now");
      next?.classList.add("now");
      this.#word = next;
      this.#scrollTo(next);
    }
  }

  /** @param {Element | undefined} word brought into view within the list; the page stays. */
  #scrollTo(word) {
    if (word) {
      const view = this.#list.getBoundingClientRect();
      const place = word.getBoundingClientRect();
      if (place.top < view.top || place.bottom > view.bottom) {
        this.#list.scrollTop += place.top - view.top - view.height / 3;
      }
    }
  }

  /** @param {number} seconds */
  #wordAt(seconds) {
    const sentence = this.#sentences[this.#current];
    const at = sentence?.words.findIndex(({ start, end }) => start <= seconds && seconds < end) ?? -1;
    const button = this.#buttons()[this.#current - this.#first];
    return at < 0 ? undefined : (button?.querySelector(`[data-word="${at}"]`) ?? undefined);
  }

  /** @param {number} first */
  #showFrom(first) {
    this.#first = first;
    const count = Math.min(MAX_SHOWN, this.#sentences.length - first);
    this.#list.replaceChildren(...Array.from({ length: count }, (_, at) => this.#item(first + at)));
    this.#buttons()[this.#current - first]?.setAttribute("aria-current", "true");
  }

  #items() {
    return /** @type {HTMLElement[]} */ ([...this.#list.children]);
  }

  #buttons() {
    return this.#items().map((item) => /** @type {HTMLElement} */ (item.firstElementChild));
  }

  /** @param {number} index */
  #item(index) {
    const { text, words } = this.#sentences[index];
    const button = document.createElement("span");
    button.setAttribute("role", "button");
    button.tabIndex = -1;
    button.append(...partsOf(text, words));
    const item = document.createElement("li");
    item.append(button, " ");
    return item;
  }

  /** @param {MouseEvent} event */
  #seekTo(event) {
    const target = /** @type {Element} */ (event.target);
    const button = target.closest("[role=button]");
    if (button) {
      const index = this.#first + this.#buttons().indexOf(/** @type {HTMLElement} */ (button));
      const word = target.closest("[data-word]");
      const { start, words } = this.#sentences[index];
      this.select(index);
      this.#onSeek(word ? words[Number(/** @type {HTMLElement} */ (word).dataset.word)].start : start);
    }
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const buttons = this.#buttons();
    const index = this.#first + buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    const last = this.#sentences.length - 1;
    const moves = { ArrowDown: index + 1, ArrowRight: index + 1, ArrowUp: index - 1, ArrowLeft: index - 1, Home: 0, End: last };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.select(index);
      this.#onSeek(this.#sentences[index].start);
    } else if (event.key in moves) {
      event.preventDefault();
      this.#focus(moves[/** @type {keyof typeof moves} */ (event.key)]);
    }
  }

  /** @param {number} index of the sentence that gets the focus; it may not be shown yet. */
  #focus(index) {
    if (!this.#sentences[index]) {
      return;
    }
    this.#bringIn(index);
    const buttons = this.#buttons();
    const next = buttons[index - this.#first];
    buttons.forEach((button) => (button.tabIndex = -1));
    next.tabIndex = 0;
    next.focus();
  }

  /** @param {number} index of a sentence that must be among those shown. */
  #bringIn(index) {
    if (index < this.#first || index >= this.#first + MAX_SHOWN) {
      this.#showFrom(Math.floor(index / MAX_SHOWN) * MAX_SHOWN);
    }
  }
}

/**
 * @param {string} text
 * @param {{word: string}[]} words in the order of the text.
 * @returns {(string | Element)[]} the text with each word in an element of its own.
 */
function partsOf(text, words) {
  const parts = [];
  let at = 0;
  words.forEach(({ word }, index) => {
    const start = text.indexOf(word, at);
    if (start >= 0) {
      const span = document.createElement("span");
      span.dataset.word = String(index);
      span.textContent = word;
      parts.push(text.slice(at, start), span);
      at = start + word.length;
    }
  });
  parts.push(text.slice(at));
  return parts;
}
