/** What is drawn: waveform, mel spectrogram, attention; and what it shows, in numbers. */

const BANDS = 80;
const LOWEST_HZ = 55;
const HIGHEST_HZ = 7600;
const LINEAR_UP_TO_HZ = 1000; // Slaney's mel scale: linear to here, logarithmic above
const HZ_PER_MEL = 200 / 3;
const LOG_STEP = Math.log(6.4) / 27;

/**
 * A picture whose pixels are bytes, 0 to 255.
 * @typedef {{bytes: Uint8Array, rows: number, columns: number}} Matrix
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./track.js").Track} track
 * @param {{seconds: number, playedSeconds: number | null}} how seconds: what the whole width stands
 *   for; playedSeconds: where the sound is, if it plays.
 */
export function drawWaveform(canvas, track, { seconds, playedSeconds }) {
  const { context, width, height } = prepare(canvas);
  const colour = colours(canvas);
  const perColumn = (seconds * 100) / width; // peaks, of 10 ms each
  const playedUpTo = ((playedSeconds ?? 0) / seconds) * width;
  for (let x = 0; x < width; x++) {
    const from = Math.floor(x * perColumn);
    const peaks = track.peaks.slice(from, Math.max(from + 1, Math.floor((x + 1) * perColumn)));
    if (peaks.length === 0) {
      break;
    }
    const tall = Math.max(1, Math.max(...peaks) * height);
    context.fillStyle = x < playedUpTo ? colour.accent : colour.wave;
    context.fillRect(x, (height - tall) / 2, 1, tall);
  }
  if (playedSeconds !== null) {
    line(context, playedUpTo, height, colour.ink);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Matrix} matrix first row at the bottom.
 * @param {number | null} played 0 to 1, where in its width the sound is, if it is there.
 */
export function drawMatrix(canvas, matrix, played) {
  const { context, width, height } = prepare(canvas);
  context.imageSmoothingEnabled = matrix.columns > width || matrix.rows > height;
  context.drawImage(painting(matrix, canvas), 0, 0, width, height);
  if (played !== null) {
    line(context, played * width, height, colours(canvas).accent);
  }
}

/**
 * @param {Uint8Array} bytes [rows, columns] as the API sends it.
 * @param {number} rows
 * @param {number} columns
 * @returns {Uint8Array} [columns, rows]
 */
export function transposed(bytes, rows, columns) {
  return bytes.map((_, index) => bytes[(index % rows) * columns + Math.floor(index / rows)]);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} the same, its least at 0 and its most at 255.
 */
export function stretched(bytes) {
  const least = bytes.reduce((one, other) => Math.min(one, other), 255);
  const most = bytes.reduce((one, other) => Math.max(one, other), 0);
  return bytes.map((value) => (255 * (value - least)) / (most - least || 1));
}

/**
 * @param {Matrix} mel
 * @returns {number} Hz of the band that holds most of the sound.
 */
export function strongestHz(mel) {
  const sums = new Float64Array(BANDS);
  mel.bytes.forEach((value, index) => {
    sums[Math.floor(index / mel.columns)] += value;
  });
  const band = sums.indexOf(Math.max(...sums));
  const low = melOf(LOWEST_HZ);
  const hz = hzOf(low + ((melOf(HIGHEST_HZ) - low) * (band + 1)) / (BANDS + 1));
  return Math.round(hz / 10) * 10;
}

/**
 * What a good attention does: it goes through the text from its first character to its last.
 * @param {Matrix} attention [characters, steps]
 * @returns {{forward: number, reached: number}} percent of the steps that stay or go on, percent of
 *   the characters up to the furthest that was attended to.
 */
export function attentionPath({ bytes, rows, columns }) {
  const path = Array.from({ length: columns }, (_, step) => {
    let most = 0;
    for (let character = 1; character < rows; character++) {
      if (bytes[character * columns + step] > bytes[most * columns + step]) {
        most = character;
      }
    }
    return most;
  });
  const forward = path.filter((character, step) => character >= (path[step - 1] ?? 0)).length;
  return {
    forward: Math.round((100 * forward) / columns),
    reached: Math.round((100 * (Math.max(...path) + 1)) / rows),
  };
}

/** @param {number} hz */
function melOf(hz) {
  return hz < LINEAR_UP_TO_HZ
    ? hz / HZ_PER_MEL
    : LINEAR_UP_TO_HZ / HZ_PER_MEL + Math.log(hz / LINEAR_UP_TO_HZ) / LOG_STEP;
}

/** @param {number} mel */
function hzOf(mel) {
  const above = mel - LINEAR_UP_TO_HZ / HZ_PER_MEL;
  return above < 0 ? mel * HZ_PER_MEL : LINEAR_UP_TO_HZ * Math.exp(above * LOG_STEP);
}

/**
 * Clears the canvas, and gives it a pixel for each of the screen's.
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
function line(context, x, height, colour) {
  const thick = Math.max(1, Math.round(devicePixelRatio * 1.5));
  context.fillStyle = colour;
  context.fillRect(Math.round(x), 0, thick, height);
}

/** @param {Element} element */
function colours(element) {
  const style = getComputedStyle(element);
  const named = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return { accent: named("accent"), wave: named("wave"), ink: named("ink") };
}

/** @type {WeakMap<Matrix, {scale: string, image: HTMLCanvasElement}>} */
const paintings = new WeakMap();

/**
 * Painted once for each scale of colours, and not for each frame.
 * @param {Matrix} matrix
 * @param {Element} element whose style has the scale.
 */
function painting(matrix, element) {
  const style = getComputedStyle(element);
  const scale = [0, 1, 2, 3].map((stop) => style.getPropertyValue(`--shade-${stop}`).trim());
  const known = paintings.get(matrix);
  if (known?.scale === scale.join()) {
    return known.image;
  }
  const image = painted(matrix, shades(scale));
  paintings.set(matrix, { scale: scale.join(), image });
  return image;
}

/**
 * @param {string[]} scale colours from nothing to most.
 * @returns {Uint8ClampedArray} [256 * 4] red, green, blue, alpha
 */
function shades(scale) {
  const context = plain(256, 1);
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
function painted({ bytes, rows, columns }, shade) {
  const context = plain(columns, rows);
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
function plain(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return contextOf(canvas);
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}
