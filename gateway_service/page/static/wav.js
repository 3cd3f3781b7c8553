/** WAV files. MediaRecorder writes formats that the encoder does not read. */

const HEADER_BYTES = 44;

/**
 * @param {Int16Array<ArrayBuffer>} samples one channel
 * @param {number} rate samples per second
 * @returns {Blob}
 */
export function wavFile(samples, rate) {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (/** @type {number} */ at, /** @type {string} */ name) =>
    [...name].forEach((letter, index) => header.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, HEADER_BYTES - 8 + samples.byteLength, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of the format that follow
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * 2, true); // bytes per second
  header.setUint16(32, 2, true); // bytes per frame
  header.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  header.setUint32(40, samples.byteLength, true);
  return new Blob([header, samples], { type: "audio/wav" });
}

/**
 * @param {Float32Array[]} blocks samples in ±1; values beyond are clipped.
 * @returns {Int16Array<ArrayBuffer>}
 */
export function toInt16(blocks) {
  const samples = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    for (const value of block) {
      samples[at++] = Math.round(Math.max(-1, Math.min(1, value)) * 32767);
    }
  }
  return samples;
}
