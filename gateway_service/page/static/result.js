/** The speech of one text: its sound, sentences and plots. */

import { postJson } from "./api.js";
import { canvas, download, element } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setText } from "./language.js";
import { Player } from "./player.js";
import { drawWaveform } from "./plots.js";
import { SentenceItem } from "./sentence_item.js";
import { RATE, Track } from "./track.js";
import { wavFile } from "./wav.js";

/** @typedef {{input: string, voice: string, speed: number, seed: number}} Speech */

const MIN_SECONDS = 0.05; // a shorter result is not shown

/** @type {Result | undefined} The result on the page. */
let shown;

export function setUpResult() {
  element("play").addEventListener("click", () => shown?.togglePlay());
  element("download-wav").addEventListener("click", () => shown?.saveWav());
  element("download-mp3").addEventListener("click", () => shown?.saveMp3());
  new ResizeObserver(() => shown?.draw()).observe(element("result"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown?.draw());
}

export class Result {
  #speech;
  #onBusy;
  #track = new Track();
  #player = new Player(this.#track, () => this.#showPlaying());
  /** @type {SentenceItem[]} */
  #sentences = [];
  /** @type {SentenceItem | undefined} The sentence whose plots are shown. */
  #selected;
  #position = 0; // sample at which playing resumes
  #receiving = true;
  #frame = 0; // id of the pending animation frame; 0 if none is pending
  #requestedAt = performance.now();
  #firstSoundSeconds = 0;

  /**
   * Replaces the result on the page.
   * @param {Speech} speech the request.
   * @param {(busy: boolean) => void} onBusy busy: whether the speech is being received or played.
   */
  constructor(speech, onBusy) {
    this.#speech = speech;
    this.#onBusy = onBusy;
    shown = this;
    element("sentences").replaceChildren();
    element("made").ariaBusy = "true";
    element("result").hidden = false;
    for (const id of ["download-wav", "download-mp3"]) {
      element(id).hidden = true;
    }
    for (const id of ["waveform", "mel", "attention"]) {
      canvas(id).width = 0;
      setText(element(`${id}-caption`), "");
    }
    hideError(element("download-error"));
    setText(element("result-status"), "result.waiting");
    element("result-progress").hidden = false;
    this.#player.play();
    this.draw();
  }

  /** @param {any} details a speech.sentence.details event; it precedes the sentence's sound. */
  addSentence(details) {
    const start = this.#track.length;
    const sentence = new SentenceItem(details, start, () => {
      this.#select(sentence);
      this.#player.play(start);
    });
    this.#sentences.push(sentence);
    element("sentences").append(sentence.item);
    if (this.#sentences.length === 1) {
      this.#select(sentence);
    }
    const { index, count } = details;
    setText(element("result-status"), "result.sentence", { number: index + 1, count });
    this.#requestDraw();
  }

  /** @param {string} base64 */
  addSound(base64) {
    this.#firstSoundSeconds ||= (performance.now() - this.#requestedAt) / 1000;
    this.#track.add(base64);
    this.#player.feed();
    this.#showLevel();
    this.#requestDraw();
  }

  /** @param {"done" | "stopped" | "failed"} outcome */
  end(outcome) {
    this.#receiving = false;
    this.#track.end();
    this.#player.feed();
    if (shown !== this) {
      return;
    }
    const { seconds } = this.#track;
    element("made").ariaBusy = "false";
    element("result").hidden = seconds < MIN_SECONDS;
    element("result-progress").hidden = true;
    element("download-wav").hidden = false;
    element("download-mp3").hidden = outcome !== "done";
    // A request that was rejected has no speech, and so no status.
    const status = seconds < MIN_SECONDS ? "" : `result.${outcome}`;
    setText(element("result-status"), status, { seconds, first: this.#firstSoundSeconds });
    this.#showPlaying();
  }

  stop() {
    this.#position = this.#player.position;
    this.#player.stop();
  }

  togglePlay() {
    if (this.#player.playing) {
      this.stop();
    } else {
      this.#player.play(this.#position < this.#track.length ? this.#position : 0);
    }
  }

  saveWav() {
    download(wavFile(this.#track.received, RATE), "speech.wav");
  }

  /** Requests the same speech again as MP3: the browser has no MP3 encoder. */
  async saveMp3() {
    const button = element("download-mp3");
    if (button.ariaBusy === "true") {
      return;
    }
    const body = { model: "tts-1", response_format: "mp3", ...this.#speech };
    hideError(element("download-error"));
    button.ariaBusy = "true";
    try {
      const response = await postJson("v1/audio/speech", body);
      download(await response.blob(), "speech.mp3");
    } catch (error) {
      showError(element("download-error"), error);
    }
    button.ariaBusy = "false";
  }

  draw() {
    if (shown !== this || element("result").hidden) {
      return;
    }
    const position = this.#player.playing ? this.#player.position : this.#position;
    const seconds = this.#expectedSeconds() || 1;
    const playedSeconds = position ? position / RATE : null;
    drawWaveform(canvas("waveform"), this.#track, { seconds, playedSeconds });
    const progress = /** @type {HTMLProgressElement} */ (element("result-progress"));
    progress.value = Math.min(1, this.#track.seconds / seconds);
    if (this.#selected) {
      const { start } = this.#selected;
      const share = (position - start) / (this.#endOf(this.#selected) - start);
      this.#selected.draw(position && share >= 0 && share <= 1 ? share : null);
    }
  }

  /** @param {SentenceItem} sentence */
  #endOf(sentence) {
    const next = this.#sentences[this.#sentences.indexOf(sentence) + 1];
    return next?.start ?? Math.max(sentence.end, this.#track.length);
  }

  /** Length of the whole speech, estimated from the sentences received so far. */
  #expectedSeconds() {
    const last = this.#sentences.at(-1);
    if (!this.#receiving || !last) {
      return this.#track.seconds;
    }
    const spoken = this.#sentences.reduce((sum, { text }) => sum + text.length, 0);
    const total = this.#speech.input.trim().length;
    return (this.#endOf(last) / RATE) * Math.max(1, total / spoken);
  }

  #requestDraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#selectPlaying();
      this.draw();
      if (this.#player.playing && shown === this) {
        this.#requestDraw();
      }
    });
  }

  #selectPlaying() {
    if (this.#player.playing) {
      const { position } = this.#player;
      this.#select(this.#sentences.findLast(({ start }) => start <= position));
    }
  }

  /** @param {SentenceItem | undefined} sentence */
  #select(sentence) {
    if (sentence && !sentence.isSelected) {
      this.#selected?.deselect();
      this.#selected = sentence;
      sentence.select();
    }
  }

  #showLevel() {
    const level = 20 * Math.log10(Math.max(this.#track.peak, 1e-5));
    const { seconds } = this.#track;
    setText(element("waveform-caption"), "result.waveform", { seconds, level });
  }

  #showPlaying() {
    if (shown === this) {
      const { playing } = this.#player;
      setText(element("play"), playing ? "result.pause" : "result.play");
      this.#onBusy(playing || this.#receiving);
      this.#requestDraw();
    }
  }
}
