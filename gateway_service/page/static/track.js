/** The sound of one text, as far as it was received. */

export const RATE = 24_000; // samples per second of response_format pcm
const PEAK_SAMPLES = 240; // 10 ms

export class Track {
  /** One channel; only the first `length` samples are filled. */
  samples = new Int16Array(10 * RATE);
  length = 0;
  /** Whether the whole track was received. */
  ended = false;
  /** @type {number[]} Peak level of each 10 ms, 0 to 1. */
  peaks = [];
  /** Peak level of the track, 0 to 1. */
  peak = 0;
  /** @type {number | null} First byte of a sample whose second byte is still to come. */
  #half = null;

  get seconds() {
    return this.length / RATE;
  }

  /**
   * @param {Int16Array} samples of a whole track.
   * @returns {Track}
   */
  static of(samples) {
    const track = new Track();
    track.samples = samples;
    track.length = samples.length;
    track.ended = true;
    track.#measure();
    return track;
  }

  /** @param {string} base64 of little-endian 16-bit samples; a part may end within a sample. */
  add(base64) {
    const bytes = decodeBase64(base64);
    this.#reserve(this.length + bytes.length);
    const target = new Uint8Array(this.samples.buffer);
    let at = this.length * 2;
    if (this.#half !== null) {
      target[at++] = this.#half;
    }
    target.set(bytes, at);
    const end = at + bytes.length;
    this.#half = end % 2 ? target[end - 1] : null;
    this.length = Math.floor(end / 2);
    this.#measure();
  }

  end() {
    this.ended = true;
  }

  /**
   * Replaces a part of the track.
   * @param {number} from sample
   * @param {number} to sample
   * @param {Int16Array} samples
   */
  splice(from, to, samples) {
    const rest = this.received.slice(to);
    const joined = new Int16Array(from + samples.length + rest.length);
    joined.set(this.received.subarray(0, from));
    joined.set(samples, from);
    joined.set(rest, from + samples.length);
    this.samples = joined;
    this.length = joined.length;
    this.peaks = [];
    this.peak = 0;
    this.#measure();
  }

  /** The samples received so far. */
  get received() {
    return this.samples.subarray(0, this.length);
  }

  /** @param {number} length */
  #reserve(length) {
    if (length > this.samples.length) {
      const larger = new Int16Array(Math.max(length, 2 * this.samples.length));
      larger.set(this.samples);
      this.samples = larger;
    }
  }

  #measure() {
    let start = this.peaks.length * PEAK_SAMPLES;
    for (; start + PEAK_SAMPLES <= this.length; start += PEAK_SAMPLES) {
      const peak = peakOf(this.samples.subarray(start, start + PEAK_SAMPLES)) / 32768;
      this.peaks.push(peak);
      this.peak = Math.max(this.peak, peak);
    }
  }
}

/** @param {Int16Array | Float32Array} samples */
function peakOf(samples) {
  let peak = 0;
  for (const sample of samples) {
    peak = Math.max(peak, Math.abs(sample));
  }
  return peak;
}

/**
 * @param {Float32Array} samples
 * @param {number} rate a multiple of 100, samples per second.
 * @returns {number[]} the peak level of each 10 ms, 0 to 1.
 */
export function peaksOf(samples, rate) {
  const size = rate / 100;
  const blocks = Math.ceil(samples.length / size);
  return Array.from({ length: blocks }, (_, at) => peakOf(samples.subarray(at * size, (at + 1) * size)));
}

/**
 * @param {string} base64
 * @returns {Uint8Array}
 */
export function decodeBase64(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
