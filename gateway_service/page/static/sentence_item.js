/** A sentence of the speech: a button in the list, and its plots while it is selected. */

import { canvas, element } from "./dom.js";
import { setText } from "./language.js";
import { attentionPath, drawMatrix, normalized, strongestHz, transposed } from "./plots.js";
import { decodeBase64, RATE } from "./track.js";

/** @typedef {import("./plots.js").Matrix} Matrix */

const BANDS = 80;
const FRAMES_PER_SECOND = 80;

export class SentenceItem {
  #number;
  /** @type {Matrix} */
  #mel;
  /** @type {Matrix} */
  #attention;
  #button = document.createElement("button");

  /**
   * @param {any} details a speech.sentence.details event.
   * @param {number} start index of the sentence's first sample in the track.
   * @param {() => void} onSelect
   */
  constructor(details, start, onSelect) {
    const { index, text, mel, mel_frames, attention, steps, characters } = details;
    this.start = start;
    this.text = text;
    this.#number = index + 1;
    this.#mel = { bytes: normalized(decodeBase64(mel)), rows: BANDS, columns: mel_frames };
    const bytes = transposed(decodeBase64(attention), steps, characters);
    this.#attention = { bytes, rows: characters, columns: steps };
    this.#button.type = "button";
    this.#button.textContent = text;
    this.#button.addEventListener("click", onSelect);
    this.item = document.createElement("li");
    this.item.append(this.#button);
  }

  /** Index after the sentence's last sample, by the length of its mel spectrogram. */
  get end() {
    return this.start + this.#seconds * RATE;
  }

  get #seconds() {
    return this.#mel.columns / FRAMES_PER_SECOND;
  }

  get isSelected() {
    return this.#button.hasAttribute("aria-current");
  }

  select() {
    this.#button.setAttribute("aria-current", "true");
    const number = this.#number;
    const hz = strongestHz(this.#mel);
    setText(element("mel-caption"), "result.mel", { number, seconds: this.#seconds, hz });
    const { rows: characters, columns: steps } = this.#attention;
    const values = { number, steps, characters, ...attentionPath(this.#attention) };
    setText(element("attention-caption"), "result.attention", values);
  }

  deselect() {
    this.#button.removeAttribute("aria-current");
  }

  /** @param {number | null} played position of the sound in the sentence, 0 to 1. */
  draw(played) {
    drawMatrix(canvas("mel"), this.#mel, played);
    drawMatrix(canvas("attention"), this.#attention, played);
  }
}
