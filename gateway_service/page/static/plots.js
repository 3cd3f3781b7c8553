/** Plots of the waveform, the mel spectrogram and the attention, and numbers that describe them. */

const BANDS = 80;
const MIN_HZ = 55;
const MAX_HZ = 7600;
const MAX_LINEAR_HZ = 1000; // Slaney's mel scale is linear up to here, logarithmic above
const HZ_PER_MEL = 200 / 3;
const LOG_STEP = Math.log(6.4) / 27;

/**
 * A plot of one byte per value, 0 to 255.
 * @typedef {{bytes: Uint8Array, rows: number, columns: number}} Matrix
 */

const BAR_PIXELS = 3; // of the waveform, with the gap after it
const PEAKS_PER_SECOND = 100;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} peaks of each 10 ms, 0 to 1; none draws a line.
 * @param {{seconds: number, played: number}} options seconds: length of the x axis; played: position
 *   of the sound in seconds.
 */
export function drawWaveform(canvas, peaks, { seconds, played }) {
  const { context, width, height } = prepare(canvas);
  const colour = colours(canvas);
  const step = BAR_PIXELS * devicePixelRatio;
  const perBar = (seconds * PEAKS_PER_SECOND * step) / width;
  const loudest = peaks.reduce((most, peak) => Math.max(most, peak), 0.05);
  for (let bar = 0; bar * step < width; bar++) {
    const inBar = peaks.slice(Math.floor(bar * perBar), Math.max(Math.floor((bar + 1) * perBar), 1));
    const peak = inBar.reduce((most, value) => Math.max(most, value), 0) / loudest;
    const barHeight = Math.max(2 * devicePixelRatio, peak * height);
    const isPlayed = ((bar * step) / width) * seconds < played;
    context.fillStyle = isPlayed ? colour.accent : colour.wave;
    context.fillRect(bar * step, (height - barHeight) / 2, step * 0.6, barHeight);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Matrix} matrix drawn with its first row at the bottom.
 * @param {number | null} played position of the sound on the x axis, 0 to 1; null draws no line.
 */
export function drawMatrix(canvas, matrix, played) {
  const { context, width, height } = prepare(canvas);
  context.imageSmoothingEnabled = matrix.columns > width || matrix.rows > height;
  context.drawImage(imageOf(matrix, canvas), 0, 0, width, height);
  if (played !== null) {
    drawLine(context, played * width, height, colours(canvas).accent);
  }
}

/**
 * @param {Uint8Array} bytes [rows, columns]
 * @param {number} rows
 * @param {number} columns
 * @returns {Uint8Array} [columns, rows]
 */
export function transposed(bytes, rows, columns) {
  return bytes.map((_, index) => bytes[(index % rows) * columns + Math.floor(index / rows)]);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} the same values, scaled to 0 to 255.
 */
export function normalized(bytes) {
  const min = bytes.reduce((lowest, value) => Math.min(lowest, value), 255);
  const max = bytes.reduce((highest, value) => Math.max(highest, value), 0);
  return bytes.map((value) => (255 * (value - min)) / (max - min || 1));
}

/**
 * @param {Matrix} mel
 * @returns {number} centre of the band with the most energy, in Hz, rounded to tens.
 */
export function strongestHz(mel) {
  const sums = new Float64Array(BANDS);
  mel.bytes.forEach((value, index) => {
    sums[Math.floor(index / mel.columns)] += value;
  });
  const band = sums.indexOf(Math.max(...sums));
  const low = melOf(MIN_HZ);
  const hz = hzOf(low + ((melOf(MAX_HZ) - low) * (band + 1)) / (BANDS + 1));
  return Math.round(hz / 10) * 10;
}

/**
 * How well the attention moves through the text, from its first character to its last.
 * @param {Matrix} attention [characters, steps]
 * @returns {{forward: number, reached: number}} forward: percentage of steps that stay or move on;
 *   reached: percentage of the characters up to the furthest one attended to.
 */
export function attentionPath({ bytes, rows, columns }) {
  const path = Array.from({ length: columns }, (_, step) => {
    let strongest = 0;
    for (let character = 1; character < rows; character++) {
      if (bytes[character * columns + step] > bytes[strongest * columns + step]) {
        strongest = character;
      }
    }
    return strongest;
  });
  const forward = path.filter((character, step) => character >= (path[step - 1] ?? 0)).length;
  return {
    forward: Math.round((100 * forward) / columns),
    reached: Math.round((100 * (Math.max(...path) + 1)) / rows),
  };
}

/** @param {number} hz */
function melOf(hz) {
  return hz < MAX_LINEAR_HZ
    ? hz / HZ_PER_MEL
    : MAX_LINEAR_HZ / HZ_PER_MEL + Math.log(hz / MAX_LINEAR_HZ) / LOG_STEP;
}

/** @param {number} mel */
function hzOf(mel) {
  const above = mel - MAX_LINEAR_HZ / HZ_PER_MEL;
  return above < 0 ? mel * HZ_PER_MEL : MAX_LINEAR_HZ * Math.exp(above * LOG_STEP);
}

/**
 * Clears the canvas, and sets its size to the screen's pixels.
 * @param {HTMLCanvasElement} canvas
 */
function prepare(canvas) {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  const context = contextOf(canvas);
  if (canvas.width === width && canvas.height === height) {
    context.clearRect(0, 0, width, height);
  } else {
    canvas.width = width;
    canvas.height = height;
  }
  return { context, width, height };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} height
 * @param {string} colour
 */
function drawLine(context, x, height, colour) {
  const thickness = Math.max(1, Math.round(devicePixelRatio * 1.5));
  context.fillStyle = colour;
  context.fillRect(Math.round(x), 0, thickness, height);
}

/** @param {Element} element */
function colours(element) {
  const style = getComputedStyle(element);
  const named = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return { accent: named("accent"), wave: named("wave") };
}

/** @type {WeakMap<Matrix, {scale: string, image: HTMLCanvasElement}>} */
const images = new WeakMap();

/**
 * The matrix as an image, cached until the colour scale changes.
 * @param {Matrix} matrix
 * @param {Element} element its style defines the colour scale.
 */
function imageOf(matrix, element) {
  const style = getComputedStyle(element);
  const scale = [0, 1, 2, 3].map((stop) => style.getPropertyValue(`--shade-${stop}`).trim());
  const cached = images.get(matrix);
  if (cached?.scale === scale.join()) {
    return cached.image;
  }
  const image = rendered(matrix, shades(scale));
  images.set(matrix, { scale: scale.join(), image });
  return image;
}

/**
 * @param {string[]} scale colours, from the lowest value to the highest.
 * @returns {Uint8ClampedArray} [256 * 4] red, green, blue, alpha
 */
function shades(scale) {
  const context = newContext(256, 1);
  const gradient = context.createLinearGradient(0, 0, 256, 0);
  scale.forEach((colour, stop) => gradient.addColorStop(stop / (scale.length - 1), colour));
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 1);
  return context.getImageData(0, 0, 256, 1).data;
}

/**
 * @param {Matrix} matrix
 * @param {Uint8ClampedArray} shade
 * @returns {HTMLCanvasElement} a pixel for each value.
 */
function rendered({ bytes, rows, columns }, shade) {
  const context = newContext(columns, rows);
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = 4 * bytes[row * columns + column];
      const to = 4 * ((rows - 1 - row) * columns + column);
      image.data.set(shade.subarray(from, from + 4), to);
    }
  }
  context.putImageData(image, 0, 0);
  return context.canvas;
}

/**
 * @param {number} width
 * @param {number} height
 */
function newContext(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return contextOf(canvas);
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}
