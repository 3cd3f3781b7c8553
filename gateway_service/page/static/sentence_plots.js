/** The plots of one sentence, and their captions. Drawn while Details are open. */

import { canvas, element } from "./dom.js";
import { setText } from "./language.js";
import { attentionPath, drawMatrix, normalized, strongestHz, transposed } from "./plots.js";
import { decodeBase64 } from "./track.js";

/** @typedef {import("./plots.js").Matrix} Matrix */

const BANDS = 80;
const FRAMES_PER_SECOND = 80;

export class SentencePlots {
  #number;
  /** @type {Matrix} */
  #mel;
  /** @type {Matrix} */
  #attention;

  /**
   * @param {import("./speech.js").Plots} plots
   * @param {number} number of the sentence, from 1.
   */
  constructor({ mel, mel_frames, attention, steps, characters }, number) {
    this.#number = number;
    this.#mel = { bytes: normalized(decodeBase64(mel)), rows: BANDS, columns: mel_frames };
    const bytes = transposed(decodeBase64(attention), steps, characters);
    this.#attention = { bytes, rows: characters, columns: steps };
  }

  describe() {
    const number = this.#number;
    const seconds = this.#mel.columns / FRAMES_PER_SECOND;
    setText(element("mel-caption"), "result.mel", { number, seconds, hz: strongestHz(this.#mel) });
    const { rows: characters, columns: steps } = this.#attention;
    const values = { number, steps, characters, ...attentionPath(this.#attention) };
    setText(element("attention-caption"), "result.attention", values);
  }

  /** @param {number | null} played position of the sound in the sentence, 0 to 1. */
  draw(played) {
    drawMatrix(canvas("mel"), this.#mel, played);
    drawMatrix(canvas("attention"), this.#attention, played);
  }
}
