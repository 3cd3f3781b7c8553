/** Records the microphone. */

import { toInt16, wavFile } from "./wav.js";

export const MAX_SECONDS = 60; // as the encoder takes

/** @type {AudioWorkletNodeOptions} */
const ONE_CHANNEL = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
/** What makes calls clearer makes a voice less like itself. */
const AS_IT_IS = {
  channelCount: 1,
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};
/** @type {Record<string, string>} By what the browser calls them. */
const REASONS = { NotAllowedError: "denied", NotFoundError: "noMicrophone" };

/** Why a recording cannot be made. */
export class CannotRecord extends Error {
  /** @param {string} reason a key of the strings is `record.${reason}`. */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Recording {
  /** @type {Float32Array[]} */
  #blocks = [];
  #stream;
  #context;

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} context
   */
  constructor(stream, context) {
    this.#stream = stream;
    this.#context = context;
  }

  /**
   * Asks for the microphone, and records until stopped.
   * @param {(level: number, seconds: number) => void} onBlock level: peak of the block, 0 to 1.
   * @returns {Promise<Recording>}
   * @throws {CannotRecord}
   */
  static async start(onBlock) {
    const stream = await microphone();
    const context = new AudioContext();
    const recording = new Recording(stream, context);
    await context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
    const tap = new AudioWorkletNode(context, "tap", ONE_CHANNEL);
    tap.port.onmessage = ({ data }) => {
      recording.#blocks.push(data);
      onBlock(Math.max(...data.map(Math.abs)), recording.seconds);
    };
    context.createMediaStreamSource(stream).connect(tap);
    return recording;
  }

  get seconds() {
    return this.#blocks.reduce((sum, block) => sum + block.length, 0) / this.#context.sampleRate;
  }

  /** @returns {Promise<Blob>} a WAV file. */
  async stop() {
    this.#stream.getTracks().forEach((track) => track.stop());
    await this.#context.close();
    return wavFile(toInt16(this.#blocks), this.#context.sampleRate);
  }
}

async function microphone() {
  if (!navigator.mediaDevices) {
    throw new CannotRecord("insecure");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  } catch (error) {
    throw new CannotRecord(REASONS[/** @type {DOMException} */ (error).name] ?? "failed");
  }
}
