/** A row of the history: a speech or a job. It is updated in place, and keeps the focus. */

import { fullMessage, serverMessage } from "./errors.js";
import { setLabel, setText, setTime } from "./language.js";
import { Menu } from "./menu.js";

/**
 * @typedef {object} Actions
 * @property {() => void} onPlay
 * @property {() => import("./downloads.js").Entry[]} files
 * @property {(() => Promise<void>) | null} onRedo
 * @property {() => void} onDelete
 * @property {() => void} onCancel
 * @property {(error: unknown) => void} onError
 *
 * @typedef {object} Facts
 * @property {string} title
 * @property {string} voice
 * @property {number} time milliseconds since 1970
 * @property {{key: string, values: import("./language.js").Values}[]} notes
 * @property {{key: string, message: string} | null} problem why it failed: a string key, and the
 *   server's message.
 * @property {string[]} messages of the server.
 * @property {number | null} progress 0 to 1; null once it has ended.
 * @property {boolean} playable
 * @property {boolean} savable
 * @property {boolean} ended
 */

export class HistoryRow {
  item = document.createElement("li");
  #title = document.createElement("strong");
  #facts = document.createElement("p");
  #notes = document.createElement("p");
  #progress = document.createElement("progress");
  #reason = document.createElement("div");
  #reasonShown = "";
  #chapters = document.createElement("ol");
  /** @type {number[]} of the chapters. */
  #numbers = [];
  #play;
  #download;
  #redo;
  #cancel;
  #delete;

  /**
   * @param {string} id
   * @param {Actions} actions
   */
  constructor(id, { onPlay, files, onRedo, onDelete, onCancel, onError }) {
    this.id = id;
    this.time = 0;
    this.item.className = "entry";
    this.#title.lang = "en";
    this.#facts.className = "muted";
    this.#notes.className = "muted";
    this.#chapters.className = "chapters plain";
    this.#chapters.hidden = true;
    setLabel(this.#chapters, "book.chapters");
    this.#play = this.#button("history.play", onPlay);
    this.#play.className = "round";
    this.#download = this.#button("history.download", () => {});
    this.#redo = this.#button("history.redo", () => this.#redone(onRedo, onError));
    this.#redo.hidden = !onRedo;
    this.#cancel = this.#button("history.cancel", onCancel);
    this.#delete = this.#button("history.delete", onDelete);
    const main = document.createElement("div");
    main.append(this.#title, this.#facts, this.#notes, this.#progress, this.#reason, this.#chapters);
    const holder = document.createElement("span");
    holder.append(this.#download);
    new Menu(this.#download, files, onError);
    const actions = document.createElement("div");
    actions.className = "actions";
    actions.append(holder, this.#redo, this.#cancel, this.#delete);
    this.item.append(this.#play, main, actions);
  }

  /** @param {Facts} facts */
  update(facts) {
    const { title, voice, time, notes, problem, messages, progress, playable, savable, ended } = facts;
    this.time = time;
    this.#title.textContent = title;
    this.#showFacts(voice, time);
    this.#showNotes(notes);
    this.#progress.hidden = progress === null;
    this.#progress.value = progress ?? 1;
    setLabel(this.#progress, "history.progress", { title });
    this.#showReason(problem, messages);
    for (const button of [this.#play, this.#download, this.#redo, this.#cancel, this.#delete]) {
      const key = button.dataset.key ?? "";
      setLabel(button, `${key}Named`, { title });
    }
    const focused = document.activeElement;
    this.#play.disabled = !playable;
    this.#download.hidden = !savable;
    this.#cancel.hidden = ended;
    this.#delete.hidden = !ended;
    if (focused instanceof HTMLElement && focused.hidden && this.item.contains(focused)) {
      this.#delete.focus();
    }
  }

  /** @param {boolean} playing whether its sound is the one that plays. */
  set playing(playing) {
    this.#play.classList.toggle("playing", playing);
    const key = playing ? "history.pause" : "history.play";
    if (this.#play.dataset.key !== key) {
      this.#play.dataset.key = key;
      setLabel(this.#play, `${key}Named`, { title: this.#title.textContent ?? "" });
    }
  }

  /** @param {number} number of the chapter that plays; 0 for none. */
  set playingChapter(number) {
    for (const [index, row] of [...this.#chapters.children].entries()) {
      const button = /** @type {HTMLElement} */ (row.firstElementChild);
      const key = this.#numbers[index] === number ? "history.pauseNamed" : "history.playNamed";
      if (button.dataset.label !== key) {
        setLabel(button, key, { title: button.textContent ?? "" });
      }
    }
  }

  /** @param {boolean} offered whether the speech can be made again. */
  set redoable(offered) {
    this.#redo.hidden = !offered;
  }

  /**
   * @param {import("./jobs.js").Chapter[]} chapters
   * @param {(chapter: import("./jobs.js").Chapter) => void} onPlay called for a chapter that is done.
   */
  showChapters(chapters, onPlay) {
    const rows = this.#chapters.children;
    this.#numbers = chapters.map(({ number }) => number);
    this.#chapters.hidden = chapters.length === 0;
    chapters.forEach((chapter, index) => {
      const row = rows[index] ?? this.#chapters.appendChild(chapterRow(chapter, () => onPlay(chapter)));
      const button = /** @type {HTMLButtonElement} */ (row.firstElementChild);
      button.disabled = chapter.state !== "completed";
      const { done, sentences } = chapter;
      setText(row.lastElementChild, `chapter.${chapter.state}`, { done, sentences });
    });
  }

  focusDelete() {
    this.#delete.focus();
  }

  /**
   * @param {string} voice
   * @param {number} time
   */
  #showFacts(voice, time) {
    const shown = document.createElement("time");
    setTime(shown, time);
    this.#facts.replaceChildren(voice, " · ", shown);
  }

  /** @param {Facts["notes"]} notes */
  #showNotes(notes) {
    const parts = notes.map(({ key, values }) => {
      const part = document.createElement("span");
      setText(part, key, values);
      return part;
    });
    this.#notes.replaceChildren(...parts.flatMap((part, at) => (at ? [" · ", part] : [part])));
    this.#notes.hidden = notes.length === 0;
  }

  /**
   * @param {Facts["problem"]} problem
   * @param {string[]} messages
   */
  #showReason(problem, messages) {
    const shown = JSON.stringify([problem, messages]);
    if (shown === this.#reasonShown) {
      return; // its details may be open
    }
    this.#reasonShown = shown;
    const parts = messages.map(serverMessage);
    if (problem) {
      const words = document.createElement("span");
      setText(words, problem.key);
      parts.unshift(words, fullMessage(problem.message));
    }
    this.#reason.className = problem ? "error" : "muted";
    this.#reason.replaceChildren(...parts);
    this.#reason.hidden = parts.length === 0;
  }

  /**
   * @param {(() => Promise<void>) | null} onRedo
   * @param {(error: unknown) => void} onError
   */
  async #redone(onRedo, onError) {
    if (this.#redo.ariaBusy === "true") {
      return;
    }
    this.#redo.ariaBusy = "true";
    try {
      await onRedo?.();
    } catch (error) {
      onError(error);
    }
    this.#redo.ariaBusy = "false";
  }

  /**
   * @param {string} key
   * @param {() => void} onClick
   */
  #button(key, onClick) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.dataset.key = key;
    if (key !== "history.play") {
      setText(button, key);
    }
    button.addEventListener("click", onClick);
    return button;
  }
}

/**
 * @param {import("./jobs.js").Chapter} chapter
 * @param {() => void} onPlay
 */
function chapterRow({ number, title }, onPlay) {
  const row = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const name = document.createElement("bdi");
  name.lang = "en";
  name.textContent = title || String(number);
  button.append(name);
  setLabel(button, "history.playNamed", { title: name.textContent });
  button.addEventListener("click", onPlay);
  row.append(button, document.createElement("span"));
  return row;
}
