/** One sentence of a result: a button in the list, and pictures of it while it is chosen. */

import { canvas, element } from "./elements.js";
import { setText } from "./language.js";
import { attentionPath, drawMatrix, strongestHz, stretched, transposed } from "./pictures.js";
import { bytesOf, RATE } from "./track.js";

/** @typedef {import("./pictures.js").Matrix} Matrix */

const BANDS = 80;
const FRAMES_PER_SECOND = 80;

export class Sentence {
  #number;
  /** @type {Matrix} */
  #mel;
  /** @type {Matrix} */
  #attention;
  #button = document.createElement("button");

  /**
   * @param {any} details a speech.sentence.details event.
   * @param {number} start its first sample in the track.
   * @param {() => void} onChoose
   */
  constructor(details, start, onChoose) {
    const { index, text, mel, mel_frames, attention, steps, characters } = details;
    this.start = start;
    this.text = text;
    this.#number = index + 1;
    this.#mel = { bytes: stretched(bytesOf(mel)), rows: BANDS, columns: mel_frames };
    const upright = transposed(bytesOf(attention), steps, characters);
    this.#attention = { bytes: upright, rows: characters, columns: steps };
    this.#button.type = "button";
    this.#button.textContent = text;
    this.#button.addEventListener("click", onChoose);
    this.item = document.createElement("li");
    this.item.append(this.#button);
  }

  /** The sample after its last, as its mel spectrogram says. */
  get end() {
    return this.start + this.#seconds * RATE;
  }

  get #seconds() {
    return this.#mel.columns / FRAMES_PER_SECOND;
  }

  get isChosen() {
    return this.#button.hasAttribute("aria-current");
  }

  choose() {
    this.#button.setAttribute("aria-current", "true");
    const number = this.#number;
    const hz = strongestHz(this.#mel);
    setText(element("mel-caption"), "result.mel", { number, seconds: this.#seconds, hz });
    const { rows: characters, columns: steps } = this.#attention;
    const numbers = { number, steps, characters, ...attentionPath(this.#attention) };
    setText(element("attention-caption"), "result.attention", numbers);
  }

  leave() {
    this.#button.removeAttribute("aria-current");
  }

  /** @param {number | null} played 0 to 1: how much of it has sounded, if it sounds. */
  draw(played) {
    drawMatrix(canvas("mel"), this.#mel, played);
    drawMatrix(canvas("attention"), this.#attention, played);
  }
}
