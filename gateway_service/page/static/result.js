/** What is heard and seen of one text: its sentences, its sound, its pictures. */

import { postJson } from "./api.js";
import { download } from "./download.js";
import { canvas, element } from "./elements.js";
import { setText } from "./language.js";
import { drawWaveform } from "./pictures.js";
import { Player } from "./player.js";
import { hideProblem, showProblem } from "./problems.js";
import { Sentence } from "./sentence.js";
import { RATE, Track } from "./track.js";
import { wavFile } from "./wav.js";

/** @typedef {{input: string, voice: string, speed: number, seed: number}} Speech */

const MIN_SECONDS = 0.05; // of sound that there is anything to show of

/** @type {Result | undefined} The one that is shown. */
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
  /** @type {Sentence[]} */
  #sentences = [];
  /** @type {Sentence | undefined} The one whose pictures are shown. */
  #chosen;
  #position = 0; // sample at which playing goes on
  #making = true;
  #frame = 0; // requested from the browser, if not 0
  #asked = performance.now();
  #firstSoundSeconds = 0;

  /**
   * Takes the place of the result that was shown before.
   * @param {Speech} speech what was asked for.
   * @param {(busy: boolean) => void} onBusy busy: while it is made or played.
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
    hideProblem(element("download-problem"));
    setText(element("result-status"), "result.waiting");
    element("result-progress").hidden = false;
    this.#player.play();
    this.draw();
  }

  /** @param {any} details a speech.sentence.details event: it comes before the sentence's sound. */
  addSentence(details) {
    const start = this.#track.length;
    const sentence = new Sentence(details, start, () => {
      this.#choose(sentence);
      this.#player.play(start);
    });
    this.#sentences.push(sentence);
    element("sentences").append(sentence.item);
    if (this.#sentences.length === 1) {
      this.#choose(sentence);
    }
    const { index, count } = details;
    setText(element("result-status"), "result.sentence", { number: index + 1, count });
    this.#drawSoon();
  }

  /** @param {string} base64 */
  addSound(base64) {
    this.#firstSoundSeconds ||= (performance.now() - this.#asked) / 1000;
    this.#track.add(base64);
    this.#player.feed();
    this.#describe();
    this.#drawSoon();
  }

  /** @param {"done" | "stopped" | "failed"} how */
  end(how) {
    this.#making = false;
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
    element("download-mp3").hidden = how !== "done";
    const status = seconds < MIN_SECONDS ? "" : `result.${how}`; // what was refused never began
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
    download(wavFile(this.#track.heard, RATE), "speech.wav");
  }

  /** Asks for the same speech again: it is the server that has an MP3 encoder. */
  async saveMp3() {
    const button = element("download-mp3");
    if (button.ariaBusy === "true") {
      return;
    }
    const body = { model: "tts-1", response_format: "mp3", ...this.#speech };
    hideProblem(element("download-problem"));
    button.ariaBusy = "true";
    try {
      const response = await postJson("v1/audio/speech", body);
      download(await response.blob(), "speech.mp3");
    } catch (error) {
      showProblem(element("download-problem"), error);
    }
    button.ariaBusy = "false";
  }

  draw() {
    if (shown !== this || element("result").hidden) {
      return;
    }
    const at = this.#player.playing ? this.#player.position : this.#position;
    const seconds = this.#expectedSeconds() || 1;
    const playedSeconds = at ? at / RATE : null;
    drawWaveform(canvas("waveform"), this.#track, { seconds, playedSeconds });
    const progress = /** @type {HTMLProgressElement} */ (element("result-progress"));
    progress.value = Math.min(1, this.#track.seconds / seconds);
    if (this.#chosen) {
      const { start } = this.#chosen;
      const share = (at - start) / (this.#endOf(this.#chosen) - start);
      this.#chosen.draw(at && share >= 0 && share <= 1 ? share : null);
    }
  }

  /** @param {Sentence} sentence */
  #endOf(sentence) {
    const next = this.#sentences[this.#sentences.indexOf(sentence) + 1];
    return next?.start ?? Math.max(sentence.end, this.#track.length);
  }

  /** Of the whole text: what is spoken of it tells how long the rest will be. */
  #expectedSeconds() {
    const last = this.#sentences.at(-1);
    if (!this.#making || !last) {
      return this.#track.seconds;
    }
    const spoken = this.#sentences.reduce((sum, { text }) => sum + text.length, 0);
    const all = this.#speech.input.trim().length;
    return (this.#endOf(last) / RATE) * Math.max(1, all / spoken);
  }

  #drawSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#followSound();
      this.draw();
      if (this.#player.playing && shown === this) {
        this.#drawSoon();
      }
    });
  }

  #followSound() {
    if (this.#player.playing) {
      const { position } = this.#player;
      this.#choose(this.#sentences.findLast(({ start }) => start <= position));
    }
  }

  /** @param {Sentence | undefined} sentence */
  #choose(sentence) {
    if (sentence && !sentence.isChosen) {
      this.#chosen?.leave();
      this.#chosen = sentence;
      sentence.choose();
    }
  }

  #describe() {
    const level = 20 * Math.log10(Math.max(this.#track.peak, 1e-5));
    const { seconds } = this.#track;
    setText(element("waveform-caption"), "result.waveform", { seconds, level });
  }

  #showPlaying() {
    if (shown === this) {
      const { playing } = this.#player;
      setText(element("play"), playing ? "result.pause" : "result.play");
      this.#onBusy(playing || this.#making);
      this.#drawSoon();
    }
  }
}
