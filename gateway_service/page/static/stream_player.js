/** Plays a track while it is still being received. Positions are samples. */

import { RATE } from "./track.js";

/** @typedef {import("./track.js").Track} Track */

const MIN_BUFFER_SECONDS = 0.2; // of sound received before playing starts
const MAX_BUFFER_SECONDS = 4;
const SCHEDULING_SECONDS = 0.03; // the audio thread's delay before it starts a source
const BLOCK_SAMPLES = RATE; // in one source

/** @type {AudioContext | undefined} */
let audioContext;
/** @type {GainNode | undefined} */
let gain;

/** Call in a click or key handler: elsewhere browsers do not allow sound to start. */
export function unlockSound() {
  // The track's sample rate: resampling block by block would click at the joins.
  if (!audioContext) {
    audioContext = new AudioContext({ sampleRate: RATE });
    gain = audioContext.createGain();
    gain.connect(audioContext.destination);
  }
  audioContext.resume(); // not awaited: without sound, downloads still work
}

/** @param {number} volume 0 to 1 */
export function setStreamVolume(volume) {
  if (gain) {
    gain.gain.value = volume;
  }
}

export class StreamPlayer {
  #track;
  #onChange;
  #context = /** @type {AudioContext} */ (audioContext);
  /** @type {Set<AudioBufferSourceNode>} */
  #sources = new Set();
  #next = 0; // first sample that is not scheduled
  #anchorSample = 0; // plays at #anchorTime
  #anchorTime = 0;
  #bufferSeconds = MIN_BUFFER_SECONDS;
  playing = false;

  /**
   * @param {Track} track
   * @param {() => void} onChange called when playing starts and when it ends.
   */
  constructor(track, onChange) {
    this.#track = track;
    this.#onChange = onChange;
  }

  /** @param {number} [from] sample */
  play(from = 0) {
    this.#silence();
    this.#next = from;
    this.#setAnchor();
    this.playing = true;
    this.#onChange();
    this.feed();
  }

  stop() {
    this.#silence();
    this.playing = false;
    this.#onChange();
  }

  /** Index of the sample that is playing. */
  get position() {
    const since = Math.max(0, this.#context.currentTime - this.#anchorTime);
    return Math.min(this.#anchorSample + since * RATE, this.#next);
  }

  /** Schedules the sound received so far. Call it after each part, and at the end of the track. */
  feed() {
    if (!this.playing) {
      return;
    }
    const { length, ended } = this.#track;
    this.#endIfFinished();
    if (this.#isDrained() && !this.#restart(length, ended)) {
      return;
    }
    while (this.#next < length) {
      this.#schedule(Math.min(this.#next + BLOCK_SAMPLES, length));
    }
  }

  #isDrained() {
    return this.#timeOf(this.#next) < this.#context.currentTime + SCHEDULING_SECONDS;
  }

  /**
   * Starts playing, or resumes after the sound ran out, once enough is buffered. One long pause is
   * easier to listen to than many short ones, so each buffer is twice as long as the one before.
   * @param {number} length samples received.
   * @param {boolean} ended
   * @returns {boolean} whether enough is buffered.
   */
  #restart(length, ended) {
    const buffered = length - this.#next;
    if (buffered === 0 || (!ended && buffered < this.#bufferSeconds * RATE)) {
      return false;
    }
    this.#setAnchor();
    this.#bufferSeconds = Math.min(2 * this.#bufferSeconds, MAX_BUFFER_SECONDS);
    return true;
  }

  #setAnchor() {
    this.#anchorSample = this.#next;
    // Rounded to a whole sample, so that blocks join between two samples.
    const sample = (this.#context.currentTime + SCHEDULING_SECONDS) * RATE;
    this.#anchorTime = Math.ceil(sample) / RATE;
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
    source.connect(/** @type {GainNode} */ (gain));
    source.start(this.#timeOf(this.#next));
    source.onended = () => this.#finish(source);
    this.#sources.add(source);
    this.#next = end;
  }

  /** @param {AudioBufferSourceNode} source */
  #finish(source) {
    this.#sources.delete(source);
    this.#endIfFinished();
  }

  #endIfFinished() {
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
