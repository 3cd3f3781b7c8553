/** Short sounds: a voice's line, a sample. One sounds at a time, and none beside the player. */

import { player } from "./player.js";

/** @type {{source: AudioBufferSourceNode, onEnd: () => void} | null} */
let playing = null;
/** @type {AudioContext | undefined} */
let output;
let latest = 0; // numbers the clips: one that decodes slowly must not start after a later one

document.addEventListener("soundstart", (event) => {
  if (/** @type {CustomEvent} */ (event).detail !== stopClip) {
    stopClip();
  }
});

/** Call it in answer to a click: browsers allow sound from then on, also after a wait. */
export function unlockClips() {
  output ??= new AudioContext();
  output.resume();
  return output;
}

/**
 * @param {Blob} blob a sound file.
 * @param {() => void} onEnd called once, when the sound ends or is stopped.
 * @returns {Promise<boolean>} false if the browser cannot decode it.
 */
export async function playClip(blob, onEnd) {
  stopClip();
  const number = latest;
  const context = unlockClips();
  document.dispatchEvent(new CustomEvent("soundstart", { detail: stopClip }));
  const buffer = await decoded(blob, context);
  if (!buffer || number !== latest) {
    onEnd();
    return Boolean(buffer);
  }
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(new GainNode(context, { gain: player.volume })).connect(context.destination);
  source.onended = stopClip;
  playing = { source, onEnd };
  source.start();
  return true;
}

export function stopClip() {
  latest += 1;
  if (playing) {
    const { source, onEnd } = playing;
    playing = null;
    source.onended = null;
    source.stop();
    output?.suspend();
    onEnd();
  }
}

/**
 * @param {Blob} blob a sound file.
 * @param {BaseAudioContext} [context] its rate is the buffer's.
 * @returns {Promise<AudioBuffer | null>} null if the browser cannot decode it.
 */
export async function decoded(blob, context = new OfflineAudioContext(1, 1, 24_000)) {
  try {
    return await context.decodeAudioData(await blob.arrayBuffer());
  } catch {
    return null;
  }
}
