/** Records the microphone. */

import { toInt16, wavFile } from "./wav.js";

/** @type {AudioWorkletNodeOptions} */
const ONE_CHANNEL = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
/** No processing: it makes calls clearer, but a voice less like itself. */
const UNPROCESSED = {
  channelCount: 1,
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};
/** @type {Record<string, string>} By the name of the browser's error. */
const REASONS = { NotAllowedError: "denied", NotFoundError: "noMicrophone" };

/** The microphone cannot be used. */
export class RecordingError extends Error {
  /** @param {string} reason its message is the string `record.${reason}`. */
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
   * Asks for the microphone and starts recording.
   * @param {(level: number, seconds: number) => void} onBlock level: peak of the block, 0 to 1.
   * @returns {Promise<Recording>}
   * @throws {RecordingError}
   */
  static async start(onBlock) {
    const stream = await microphone();
    const context = new AudioContext();
    const recording = new Recording(stream, context);
    try {
      await context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
    } catch (error) {
      await recording.stop();
      throw error;
    }
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
    throw new RecordingError("insecure");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: UNPROCESSED });
  } catch (error) {
    throw new RecordingError(REASONS[/** @type {DOMException} */ (error).name] ?? "failed");
  }
}
