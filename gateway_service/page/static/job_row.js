/** A job's row in the list. It is updated in place, so that it keeps the keyboard focus. */

import { serverMessage } from "./errors.js";
import { setLabel, setText, setTime } from "./language.js";

/**
 * @typedef {{id: string, state: string, created_at: number, voice: string,
 *   response_format: string, preview: string, progress: {sentences: number, done: number},
 *   error: {message: string} | null, waiting_for: string | null}} Job
 * @typedef {(row: JobRow) => void} Action
 */

const PREVIEW_LENGTH = 80; // characters; the server cuts a longer text there
const FINAL = new Set(["completed", "failed", "cancelled"]);

export class JobRow {
  item = document.createElement("li");
  #status = document.createElement("span");
  #reason = document.createElement("p");
  #progress = document.createElement("progress");
  #download;
  #cancel;
  #delete;

  /**
   * @param {Job} job
   * @param {{onDownload: Action, onCancel: Action, onDelete: Action}} actions
   */
  constructor(job, { onDownload, onCancel, onDelete }) {
    this.job = job;
    const title = document.createElement("strong");
    title.textContent = this.name;
    const facts = document.createElement("p");
    const time = document.createElement("time");
    setTime(time, job.created_at * 1000);
    facts.className = "muted";
    facts.append(time, ` · ${job.voice} · ${job.response_format.toUpperCase()}`);
    const state = document.createElement("p");
    state.append(this.#status);
    setLabel(this.#progress, "jobs.progress", { preview: this.name });
    const buttons = document.createElement("p");
    buttons.className = "row";
    this.#download = this.#button("jobs.download", onDownload);
    this.#cancel = this.#button("jobs.cancel", onCancel);
    this.#delete = this.#button("jobs.delete", onDelete);
    buttons.append(this.#download, this.#cancel, this.#delete);
    this.item.append(title, facts, state, this.#progress, this.#reason, buttons);
    this.update(job);
  }

  /** The start of the job's text. */
  get name() {
    const { preview } = this.job;
    return preview.length < PREVIEW_LENGTH ? preview : `${preview.trim()}…`;
  }

  get isFinal() {
    return FINAL.has(this.job.state);
  }

  /** @param {Job} job */
  update(job) {
    this.job = job;
    const { sentences, done } = job.progress;
    setText(this.#status, `jobs.status.${job.state}`, { done, sentences });
    this.#progress.max = sentences || 1;
    this.#progress.value = done;
    this.#progress.hidden = this.isFinal;
    const reason = job.error?.message ?? job.waiting_for;
    this.#reason.className = job.error ? "error" : "muted";
    this.#reason.replaceChildren(serverMessage(reason ?? ""));
    this.#reason.hidden = !reason;
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    this.#download.hidden = job.state !== "completed";
    this.#cancel.hidden = this.isFinal;
    this.#delete.hidden = !this.isFinal;
    if (focused.hidden && this.item.contains(focused)) {
      (this.#download.hidden ? this.#delete : this.#download).focus();
    }
  }

  /** @param {boolean} busy whether the sound is being fetched. */
  set downloading(busy) {
    this.#download.ariaBusy = String(busy);
  }

  /**
   * @param {string} key
   * @param {Action} onClick
   */
  #button(key, onClick) {
    const button = document.createElement("button");
    button.type = "button";
    setText(button, key);
    setLabel(button, `${key}Named`, { preview: this.name });
    button.addEventListener("click", () => onClick(this));
    return button;
  }
}
