/** A voice heard before it is saved: a line in the voice of the best recording. */

import { ApiError, postJson } from "./api.js";
import { decoded } from "./clip.js";
import { verdicts } from "./samples.js";
import { LINE } from "./voice_line.js";
import { toInt16, wavFile } from "./wav.js";

const CLONE = "inference-c/";
const MAX_SECONDS = 15; // of the recording that is sent

/**
 * @param {import("./voice_calls.js").Sample[]} samples
 * @param {string} consent
 * @returns {Promise<Blob>} a WAV file.
 * @throws {ApiError} also for a recording that this browser cannot decode.
 */
export async function hearUnsaved(samples, consent) {
  const sound = await decoded(await best(samples));
  if (!sound) {
    throw new ApiError("undecoded");
  }
  const rate = sound.sampleRate;
  const start = sound.getChannelData(0).slice(0, MAX_SECONDS * rate);
  const wav = [...start].map((sample) => Number(sample.toFixed(5)));
  const response = await postJson(CLONE, { text: LINE, wav, sr: rate, consent, seed: 1 });
  const speech = await response.json();
  return wavFile(toInt16([Float32Array.from(speech.wav)]), speech.sr);
}

/**
 * The recording that promises the best likeness.
 * @param {import("./voice_calls.js").Sample[]} samples
 */
async function best(samples) {
  const likeness = (await verdicts()).map((one) => one.expected_similarity ?? 0);
  return samples[likeness.indexOf(Math.max(...likeness))].blob;
}
