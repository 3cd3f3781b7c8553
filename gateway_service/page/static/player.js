/** Plays a track while it is still arriving. */

import { RATE } from "./track.js";

/** @typedef {import("./track.js").Track} Track */

const LEAD_SECONDS = 0.2; // of sound at hand before it begins
const MAX_LEAD_SECONDS = 4;
const SOON_SECONDS = 0.03; // the audio thread needs so long to take up what is scheduled
const BLOCK = RATE; // samples of one source

/** @type {AudioContext | undefined} */
let shared;

/** To be called in a handler of a click or key: elsewhere browsers let no sound begin. */
export function unlockSound() {
  // At the sound's own rate: resampled block by block it would click at the seams.
  shared ??= new AudioContext({ sampleRate: RATE });
  shared.resume(); // not waited for: what is silent can still be seen and downloaded
}

export class Player {
  #track;
  #onChange;
  #context = /** @type {AudioContext} */ (shared);
  /** @type {Set<AudioBufferSourceNode>} */
  #sources = new Set();
  #next = 0; // the first sample that is not scheduled
  #anchorSample = 0; // this sample sounds at #anchorTime
  #anchorTime = 0;
  #lead = LEAD_SECONDS;
  playing = false;

  /**
   * @param {Track} track
   * @param {() => void} onChange called when it begins and when it ends.
   */
  constructor(track, onChange) {
    this.#track = track;
    this.#onChange = onChange;
  }

  /** @param {number} [from] sample */
  play(from = 0) {
    this.#silence();
    this.#next = from;
    this.#hold();
    this.playing = true;
    this.#onChange();
    this.feed();
  }

  stop() {
    this.#silence();
    this.playing = false;
    this.#onChange();
  }

  /** The sample that sounds now. */
  get position() {
    const since = Math.max(0, this.#context.currentTime - this.#anchorTime);
    return Math.min(this.#anchorSample + since * RATE, this.#next);
  }

  /** Schedules what has arrived; to be called whenever more has, and at its end. */
  feed() {
    if (!this.playing) {
      return;
    }
    const { length, ended } = this.#track;
    this.#endIfOver();
    if (this.#isDry() && !this.#restart(length, ended)) {
      return;
    }
    while (this.#next < length) {
      this.#schedule(Math.min(this.#next + BLOCK, length));
    }
  }

  #isDry() {
    return this.#timeOf(this.#next) < this.#context.currentTime + SOON_SECONDS;
  }

  /**
   * Begins, or begins again after the sound ran out, once enough is at hand. One long wait is
   * easier to listen to than many short ones, so each is twice as long as the one before.
   * @param {number} length
   * @param {boolean} ended
   */
  #restart(length, ended) {
    const atHand = length - this.#next;
    if (atHand === 0 || (!ended && atHand < this.#lead * RATE)) {
      return false;
    }
    this.#hold();
    this.#lead = Math.min(2 * this.#lead, MAX_LEAD_SECONDS);
    return true;
  }

  #hold() {
    this.#anchorSample = this.#next;
    // A whole sample, so that the seams of the blocks fall between two.
    const soon = (this.#context.currentTime + SOON_SECONDS) * RATE;
    this.#anchorTime = Math.ceil(soon) / RATE;
  }

  /** @param {number} sample */
  #timeOf(sample) {
    return this.#anchorTime + (sample - this.#anchorSample) / RATE;
  }

  /** @param {number} end */
  #schedule(end) {
    const block = this.#track.samples.subarray(this.#next, end);
    const buffer = this.#context.createBuffer(1, block.length, RATE);
    buffer.copyToChannel(Float32Array.from(block, (sample) => sample / 32768), 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.start(this.#timeOf(this.#next));
    source.onended = () => this.#finish(source);
    this.#sources.add(source);
    this.#next = end;
  }

  /** @param {AudioBufferSourceNode} source */
  #finish(source) {
    this.#sources.delete(source);
    this.#endIfOver();
  }

  #endIfOver() {
    const { ended, length } = this.#track;
    if (this.#sources.size === 0 && ended && this.#next === length) {
      this.playing = false;
      this.#onChange();
    }
  }

  #silence() {
    for (const source of this.#sources) {
      source.onended = null;
      source.stop();
    }
    this.#sources.clear();
  }
}
