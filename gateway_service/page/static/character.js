/**
 * The character of a voice in two words, measured from its sound: the pitch, and what is most
 * marked of melody and brightness.
 */

import { decoded } from "./clip.js";

/**
 * pitch: median of the fundamental frequency, Hz. melody: its interquartile range, semitones.
 * brightness: root mean square of the frequencies in the sound, Hz.
 * @typedef {{pitch: number, melody: number, brightness: number}} Measured
 */

/**
 * Of the presets' clips in samples/. A test measures them anew.
 * @type {Record<string, string[]>}
 */
export const PRESETS = {
  ash: ["character.deep", "character.calm"],
  birch: ["character.low", "character.lively"],
  cedar: ["character.medium", "character.lively"],
  elm: ["character.high", "character.bright"],
  hazel: ["character.high", "character.calm"],
  rowan: ["character.high", "character.soft"],
};

const LOWEST = 60; // Hz, of a voice
const HIGHEST = 400;
const RATE = 8000; // Hz, enough for the pitch
const FRAME_SECONDS = 0.05;
const MIN_PERIODICITY = 0.6; // 0 to 1; lower in noise and whispering
const MIN_LEVEL = 0.15; // of the loudest frame
const MIN_FRAMES = 20; // a second of voiced speech

/**
 * @param {Float32Array} sound samples in ±1
 * @param {number} rate Hz
 * @returns {Measured | null} null if too little of the sound is voiced.
 */
function measured(sound, rate) {
  const slow = decimated(sound, Math.max(1, Math.round(rate / RATE)));
  const pitches = pitchesOf(slow, rate / Math.max(1, Math.round(rate / RATE)));
  if (pitches.length < MIN_FRAMES) {
    return null;
  }
  pitches.sort((one, other) => one - other);
  const at = (/** @type {number} */ share) => pitches[Math.floor(share * (pitches.length - 1))];
  return {
    pitch: at(0.5),
    melody: 12 * Math.log2(at(0.75) / at(0.25)),
    brightness: brightnessOf(sound, rate),
  };
}

/**
 * @param {Measured} voice
 * @returns {string[]} string keys.
 */
function wordsOf({ pitch, melody, brightness }) {
  const height = pitch < 110 ? "deep" : pitch < 165 ? "low" : pitch < 220 ? "medium" : "high";
  const manner =
    brightness > 900 ? "bright" : melody > 4.4 ? "lively" : melody < 4 ? "calm" : "soft";
  return [`character.${height}`, `character.${manner}`];
}

/**
 * @param {Blob[]} samples sound files of one person.
 * @returns {Promise<string[]>} string keys of the voice's character; empty if it is not clear.
 */
export async function characterOf(samples) {
  for (const sample of samples) {
    const sound = await decoded(sample);
    const voice = sound && measured(sound.getChannelData(0), sound.sampleRate);
    if (voice) {
      return wordsOf(voice);
    }
  }
  return [];
}

/**
 * @param {Float32Array} sound
 * @param {number} factor
 */
function decimated(sound, factor) {
  const slow = new Float32Array(Math.floor(sound.length / factor));
  for (let i = 0; i < slow.length; i++) {
    for (let j = 0; j < factor; j++) {
      slow[i] += sound[i * factor + j] / factor;
    }
  }
  return slow;
}

/**
 * @param {Float32Array} sound
 * @param {number} rate
 * @returns {number[]} Hz, of each voiced frame.
 */
function pitchesOf(sound, rate) {
  const size = Math.round(FRAME_SECONDS * rate);
  const frames = [];
  for (let start = 0; start + size <= sound.length; start += Math.floor(size / 2)) {
    frames.push(sound.subarray(start, start + size));
  }
  const levels = frames.map(energy);
  const floor = MIN_LEVEL ** 2 * levels.reduce((most, level) => Math.max(most, level), 0);
  return frames
    .filter((_, index) => levels[index] > floor)
    .map((frame) => pitchOf(frame, rate))
    .filter((pitch) => pitch > 0);
}

/**
 * @param {Float32Array} frame
 * @param {number} rate
 * @returns {number} Hz, or 0 for a frame without a clear pitch.
 */
function pitchOf(frame, rate) {
  const [first, last] = [Math.floor(rate / HIGHEST), Math.ceil(rate / LOWEST)];
  /** @type {number[]} */
  const scores = [];
  for (let lag = first - 1; lag <= last + 1; lag++) {
    scores.push(periodicity(frame, lag));
  }
  const best = Math.max(...scores.slice(1, -1));
  if (best < MIN_PERIODICITY) {
    return 0;
  }
  // The first high peak: later ones are at multiples of the period.
  const index = scores.findIndex(
    (score, i) => score > 0.9 * best && score >= scores[i - 1] && score >= scores[i + 1],
  );
  return index < 0 ? 0 : rate / (first - 1 + index);
}

/**
 * Normalised correlation of a frame with itself, `lag` samples later.
 * @param {Float32Array} frame
 * @param {number} lag
 */
function periodicity(frame, lag) {
  let [product, one, other] = [0, 1e-9, 1e-9];
  for (let i = lag; i < frame.length; i++) {
    product += frame[i] * frame[i - lag];
    one += frame[i] ** 2;
    other += frame[i - lag] ** 2;
  }
  return product / Math.sqrt(one * other);
}

/**
 * @param {Float32Array} sound
 * @param {number} rate
 */
function brightnessOf(sound, rate) {
  let slopes = 0;
  for (let i = 1; i < sound.length; i++) {
    slopes += (sound[i] - sound[i - 1]) ** 2;
  }
  return (rate / (2 * Math.PI)) * Math.sqrt(slopes / (energy(sound) || 1));
}

/** @param {Float32Array} sound */
function energy(sound) {
  return sound.reduce((sum, sample) => sum + sample * sample, 0);
}
