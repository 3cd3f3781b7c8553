/** A short speech: what was asked for, its sound, and its sentences with their words. */

import { ApiError, eventsOf, postJson } from "./api.js";
import { RATE, Track } from "./track.js";

/**
 * @typedef {{word: string, start: number, end: number}} Word times in seconds of the whole sound.
 * @typedef {{mel: string, mel_frames: number, attention: string, steps: number,
 *   characters: number}} Plots matrices in base64, as the server sends them.
 * @typedef {{text: string, start: number, end: number, words: Word[], seed: number,
 *   plots: Plots | null}} Sentence start, end: seconds of the whole sound, without the pause after it.
 * @typedef {{text: string, voice: string, speed: number, seed: number}} Request
 * @typedef {"receiving" | "done" | "stopped" | "failed"} State
 */

const SPEECH = "v1/audio/speech";
const EVENTS = { response_format: "pcm", stream_format: "sse", details: true, timestamps: true };

export class Speech {
  track = new Track();
  /** @type {Sentence[]} */
  sentences = [];
  /** @type {State} */
  state = "receiving";
  count = 0; // sentences of the text
  firstSoundSeconds = 0;
  /** Whether a sentence was made anew, so that one request no longer gives the same sound. */
  edited = false;
  /** @type {string[]} what was left out of the text, in the server's words. */
  notes = [];

  /**
   * @param {Request} request
   * @param {string} voiceName
   */
  constructor(request, voiceName) {
    this.request = request;
    this.voiceName = voiceName;
    this.id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.createdAt = Date.now();
  }

  /**
   * @param {any} record of `toRecord`
   * @param {{samples: Int16Array, plots: (Plots | null)[]}} sound
   * @returns {Speech}
   */
  static fromRecord(record, sound) {
    const { seconds, ...fields } = record; // the track has its own length
    const speech = Object.assign(new Speech(record.request, record.voiceName), fields);
    speech.state = record.state === "receiving" ? "stopped" : record.state;
    speech.sentences.forEach((sentence, index) => (sentence.plots = sound.plots[index] ?? null));
    speech.track = Track.of(sound.samples);
    return speech;
  }

  /** Everything but the sound and the plots. */
  toRecord() {
    const { id, request, voiceName, createdAt, state, count, firstSoundSeconds, edited, notes } = this;
    const sentences = this.sentences.map((sentence) => ({ ...sentence, plots: null }));
    const seconds = this.track.seconds;
    return {
      id, request, voiceName, createdAt, state, count, firstSoundSeconds, edited, notes, sentences, seconds,
    };
  }

  /** The first words of the text. */
  get name() {
    return firstWords(this.request.text);
  }

  /** Length of the whole speech, estimated from the sentences received so far. */
  get expectedSeconds() {
    const last = this.sentences.at(-1);
    if (this.state !== "receiving" || !last) {
      return this.track.seconds;
    }
    const spoken = this.sentences.reduce((sum, { text }) => sum + text.length, 0);
    const end = Math.max(last.end, this.track.seconds);
    return end * Math.max(1, this.request.text.trim().length / spoken);
  }

  /**
   * @param {any} event of the server
   * @param {number} seed
   */
  add(event, seed) {
    if (event.type === "speech.sentence.details") {
      const { index, count, text, mel, mel_frames, attention, steps, characters } = event;
      const start = this.track.seconds;
      const plots = { mel, mel_frames, attention, steps, characters };
      this.count = count;
      this.sentences[index] = { text, start, end: start, words: [], seed, plots };
    } else if (event.type === "speech.sentence.words") {
      const { start, end, words } = event;
      Object.assign(this.sentences[event.index] ?? {}, { start, end, words });
    } else if (event.type === "speech.audio.delta") {
      this.track.add(event.audio);
    }
  }

  /**
   * Makes one sentence anew with another seed.
   * @param {number} index
   * @returns {Promise<void>}
   * @throws {ApiError}
   */
  async redo(index) {
    const { text } = this.sentences[index];
    const seed = newSeed();
    const made = new Speech({ ...this.request, text, seed }, this.voiceName);
    await receive(made, new AbortController().signal, () => {}, { text_format: "plain" });
    const end = made.sentences.at(-1)?.end || made.track.seconds;
    const old = this.sentences[index];
    const samples = made.track.received.slice(0, Math.round(end * RATE));
    const from = Math.round(old.start * RATE);
    this.track.splice(from, Math.max(from, Math.round(old.end * RATE)), samples);
    const moved = samples.length / RATE - (old.end - old.start);
    const words = made.sentences.flatMap((sentence) => sentence.words);
    const plots = made.sentences[0].plots;
    this.sentences[index] = {
      text, seed, plots, start: old.start, end: old.start + samples.length / RATE, words: shifted(words, old.start),
    };
    for (const later of this.sentences.slice(index + 1)) {
      later.start += moved;
      later.end += moved;
      later.words = shifted(later.words, moved);
    }
    this.edited = true;
  }

  /**
   * @param {number} index
   * @returns {Int16Array<ArrayBuffer>} the samples of a sentence.
   */
  samplesOf(index) {
    const { start, end } = this.sentences[index];
    const stop = end > start ? Math.round(end * RATE) : this.track.length;
    return this.track.received.slice(Math.round(start * RATE), stop);
  }
}

/**
 * @param {Word[]} words
 * @param {number} seconds
 */
function shifted(words, seconds) {
  return words.map(({ word, start, end }) => ({ word, start: start + seconds, end: end + seconds }));
}

/** A seed, with which the same request gives the same sound. */
export function newSeed() {
  return Math.floor(Math.random() * 2 ** 31);
}

/**
 * @param {Speech} speech
 * @param {AbortSignal} signal
 * @param {(event: any) => void} onEvent called after each event was added.
 * @param {object} [options] further fields of the request
 * @throws {ApiError}
 */
export async function receive(speech, signal, onEvent, options = {}) {
  const { text: input, seed } = speech.request;
  const requested = performance.now();
  const body = { model: "tts-1", ...EVENTS, ...speech.request, text: undefined, input, ...options };
  const response = await postJson(SPEECH, body, signal);
  for await (const event of eventsOf(response)) {
    if (event.type === "speech.audio.done") {
      speech.track.end();
      speech.notes = event.notes ?? [];
      return;
    }
    if (event.type === "speech.audio.delta") {
      speech.firstSoundSeconds ||= (performance.now() - requested) / 1000;
    }
    speech.add(event, seed);
    onEvent(event);
  }
  throw new ApiError("cut");
}

/**
 * @param {string} text
 * @returns {string} at most 60 characters, cut at a word.
 */
export function firstWords(text) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= 60 ? line : `${line.slice(0, 60).replace(/\s\S*$/, "")}…`;
}
