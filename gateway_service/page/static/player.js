/** The player: one sound at a time, of a speech while it is received, or of a file. */

import { setStreamVolume, StreamPlayer, unlockSound } from "./stream_player.js";
import { RATE } from "./track.js";

/**
 * A sound to play.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} title the first words.
 * @property {string} voice name of the voice.
 * @property {() => Promise<Opened>} open gives the complete file.
 * @property {import("./track.js").Track} [track] the samples, if the page has them.
 * @property {number[]} [peaks] of each 10 ms, 0 to 1, once the file was measured.
 * @property {() => number} [expected] estimate of the length until all is received, in seconds.
 * @property {number} [from] seconds at which it first plays.
 *
 * @typedef {{url: string, peaks?: Promise<number[]>}} Opened url: for an audio element.
 */

/** Events: `load` (another item), `change` (playing, waiting, length or place), `failed`. */
class Player extends EventTarget {
  /** @type {Item | null} */
  item = null;
  /** @type {unknown} the error of the last `failed` event. */
  error = null;
  #audio = new Audio();
  /** @type {StreamPlayer | null} */
  #stream = null;
  #url = "";
  /** @type {{item: Item, done: Promise<void>} | null} the file that is being fetched. */
  #opening = null;
  #wanted = false; // whether the file plays once it is fetched
  #at = 0; // seconds at which playing begins
  #volume = 1;
  #rate = 1;

  constructor() {
    super();
    for (const type of ["play", "pause", "ended", "durationchange", "seeked"]) {
      this.#audio.addEventListener(type, () => this.#changed());
    }
    this.#audio.preload = "auto";
    document.addEventListener("soundstart", (event) => {
      if (/** @type {CustomEvent} */ (event).detail !== this) {
        this.pause();
      }
    });
  }

  /** Whether the file of the item is being fetched. */
  get waiting() {
    return this.#opening !== null && this.#opening.item === this.item;
  }

  get playing() {
    return this.#stream ? this.#stream.playing : !this.#audio.paused;
  }

  /** Seconds from the beginning. */
  get position() {
    if (this.#stream) {
      return this.#stream.playing ? this.#stream.position / RATE : this.#at;
    }
    return this.#url ? this.#audio.currentTime : this.#at;
  }

  /** Seconds of sound; an estimate while it is received. */
  get seconds() {
    const { track, expected } = this.item ?? {};
    const { duration } = this.#audio;
    if (!track && this.#url && Number.isFinite(duration)) {
      return duration;
    }
    return track?.ended ? track.seconds : (expected?.() ?? track?.seconds ?? 0);
  }

  /** Peak levels of each 10 ms, 0 to 1; none for a file that was not measured. */
  get peaks() {
    return this.item?.track?.peaks ?? this.item?.peaks ?? [];
  }

  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = volume;
    this.#audio.volume = volume;
    setStreamVolume(volume);
  }

  get rate() {
    return this.#rate;
  }

  /** While a sound is received it plays at its own speed; once it is complete, at this one. */
  set rate(rate) {
    this.#rate = rate;
    this.#audio.playbackRate = rate;
    if (this.#stream?.playing && this.item?.track?.ended) {
      this.play(this.position);
    }
  }

  /** @param {Item} item replaces the one that is loaded. */
  load(item) {
    this.#silence();
    this.#at = item.from ?? 0;
    this.item = item;
    if (item.track && !item.track.ended) {
      this.#stream = new StreamPlayer(item.track, () => this.#streamChanged());
      setStreamVolume(this.#volume);
    }
    this.dispatchEvent(new Event("load"));
    this.#changed();
  }

  /** Nothing is loaded any more. */
  unload() {
    this.#silence();
    this.item = null;
    this.dispatchEvent(new Event("load"));
  }

  /** The sound of the item has changed; it goes on where it was. */
  async reload() {
    const at = this.position;
    const { playing } = this;
    this.#silence();
    this.#at = Math.min(at, this.seconds);
    this.#changed();
    if (playing) {
      await this.play(at);
    }
  }

  /** @param {number} [from] seconds; by default it goes on, and from the end starts again. */
  async play(from = this.position >= this.seconds - 0.05 ? 0 : this.position) {
    document.dispatchEvent(new CustomEvent("soundstart", { detail: this }));
    if (this.#stream && !this.item?.track?.ended) {
      unlockSound();
      this.#stream.play(Math.round(from * RATE));
      return;
    }
    await this.#playFile(from);
  }

  /** @param {number} from seconds */
  async #playFile(from) {
    const { item } = this;
    this.#endStream();
    this.#at = from;
    this.#wanted = true;
    if (!item) {
      return;
    }
    try {
      await this.#opened(item);
      if (this.item === item && this.#wanted) {
        this.#audio.currentTime = this.#at;
        await this.#audio.play();
      }
    } catch (error) {
      if (this.item === item && !(error instanceof DOMException && error.name === "AbortError")) {
        this.error = error;
        this.dispatchEvent(new Event("failed"));
      }
    }
  }

  /** Fetches the file before it is played, which gives its length and waveform. */
  async prepare() {
    if (this.item) {
      await this.#opened(this.item).catch(() => {}); // playing it tells the error
    }
  }

  /** @param {Item} item */
  async #opened(item) {
    if (this.#url) {
      return;
    }
    if (this.#opening?.item !== item) {
      this.#opening = { item, done: this.#open(item) };
      this.#changed();
    }
    await this.#opening.done;
  }

  /** @param {Item} item */
  async #open(item) {
    try {
      const { url, peaks } = await item.open();
      peaks?.then((measured) => {
        item.peaks = measured;
        this.#changed();
      });
      if (this.item !== item || this.#url) {
        revoke(url);
      } else {
        this.#url = url;
        this.#audio.src = url;
        this.#audio.playbackRate = this.#rate;
        this.#audio.volume = this.#volume;
      }
    } finally {
      if (this.#opening?.item === item) {
        this.#opening = null;
      }
      this.#changed();
    }
  }

  pause() {
    this.#wanted = false;
    if (this.#stream) {
      this.#stream.stop();
    } else {
      this.#audio.pause();
    }
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  /** @param {number} seconds */
  seek(seconds) {
    const limit = this.#stream ? (this.item?.track?.seconds ?? 0) : this.seconds;
    const to = Math.max(0, Math.min(seconds, limit));
    if (this.#stream?.playing) {
      this.play(to);
      return;
    }
    this.#at = to;
    if (this.#url && !this.#stream) {
      this.#audio.currentTime = to;
    }
    this.#changed();
  }

  /** More of the item was received, or all of it. */
  feed() {
    this.#stream?.feed();
    if (this.#stream?.playing && this.item?.track?.ended && this.#rate !== 1) {
      this.play(this.position);
    }
    this.#changed();
  }

  /** From the end of the track on, its file plays. */
  #endStream() {
    const stream = this.#stream;
    this.#stream = null;
    stream?.stop();
  }

  #silence() {
    this.#endStream();
    this.#audio.pause();
    revoke(this.#url);
    this.#url = "";
    this.#audio.removeAttribute("src");
  }

  #streamChanged() {
    if (this.#stream) {
      this.#at = this.#stream.position / RATE;
      if (!this.#stream.playing && this.item?.track?.ended) {
        this.#stream = null;
      }
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {string} url of a sound that is not played any more. */
function revoke(url) {
  if (url.startsWith("blob:")) {
    URL.revokeObjectURL(url);
  }
}

export const player = new Player();
