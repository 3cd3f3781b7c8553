/** The waveform of a recording while it is made: a bar for each block of sound, newest right. */

const BAR = 3; // pixels of a bar
const GAP = 2;

export class LiveWave {
  /** @type {number[]} */
  #levels = [];
  #canvas;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    this.#draw();
  }

  /** @param {number} level peak of a block, 0 to 1. */
  add(level) {
    this.#levels.push(level);
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    const context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    const step = (BAR + GAP) * devicePixelRatio;
    this.#levels.slice(-Math.ceil(width / step)).reverse().forEach((level, index) => {
      // The root shows quiet speech too.
      const bar = Math.max(2 * devicePixelRatio, Math.sqrt(level) * height);
      context.fillRect(width - (index + 1) * step, (height - bar) / 2, BAR * devicePixelRatio, bar);
    });
  }
}
