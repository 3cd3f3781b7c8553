/** The sound of a job: its address for the player, and its waveform if the file is small. */

import { ApiError, call, KEY } from "./api.js";
import { decoded } from "./clip.js";
import { stored } from "./storage.js";
import { peaksOf } from "./track.js";

const MAX_BYTES = 4 * 1024 * 1024; // of a file that is fetched whole and drawn: 6 minutes of MP3
const MIN_RATE = 8000; // the lowest that every browser decodes to; enough for a waveform

/**
 * Fetches a small file whole. A larger one is left to the audio element, which plays it while it is
 * received; with a key it is fetched too, because the element cannot send one.
 * @param {string} path
 * @returns {Promise<import("./player.js").Opened>}
 * @throws {ApiError}
 */
export async function openSound(path) {
  const response = await call(path);
  const file = await fileOf(response, stored(KEY) ? Infinity : MAX_BYTES);
  if (!file) {
    return { url: path };
  }
  const isDrawn = file.size <= MAX_BYTES;
  return { url: URL.createObjectURL(file), peaks: isDrawn ? measured(file) : undefined };
}

/**
 * @param {Response} response
 * @param {number} limit bytes
 * @returns {Promise<Blob | null>} null for a larger file, whose rest is not received.
 */
async function fileOf(response, limit) {
  const body = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body);
  const reader = body.getReader();
  const parts = [];
  const size = Number(response.headers.get("Content-Length") ?? 0);
  let received = 0;
  try {
    while (Math.max(size, received) <= limit) {
      const { done, value } = await reader.read();
      if (done) {
        return new Blob(parts, { type: response.headers.get("Content-Type") ?? "" });
      }
      parts.push(value);
      received += value.length;
    }
  } catch {
    throw new ApiError("cut");
  }
  await reader.cancel();
  return null;
}

/**
 * @param {Blob} file
 * @returns {Promise<number[]>} see `peaksOf`; empty if the browser cannot decode it.
 */
async function measured(file) {
  const sound = await decoded(file, new OfflineAudioContext(1, 1, MIN_RATE));
  return sound ? peaksOf(sound.getChannelData(0), MIN_RATE) : [];
}
