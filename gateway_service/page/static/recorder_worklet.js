/** Runs in the audio thread: posts the microphone's sound in blocks of 2048 samples. */

const BLOCK = 2048;

class Tap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([[channel]]) {
    if (channel) {
      // A block fills exactly: it is a multiple of the 128 samples that come at a time.
      this.block.set(channel, this.filled);
      this.filled += channel.length;
      if (this.filled === BLOCK) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("tap", Tap);
