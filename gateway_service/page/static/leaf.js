/** The leaf of a voice: each tree has its own shape and colour, and so have other voices. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Outlines in a square of 32, stalk at the bottom.
 * @type {Record<string, string>}
 */
const SHAPES = {
  ash: "M16 3c3 2 4 5 3 7 3-2 6-1 7 1-1 2-4 3-7 3 3 0 6 1 7 4-2 2-5 1-8-1v12h-4V17c-3 2-6 3-8 1 1-3 4-4 7-4-3 0-6-1-7-3 1-2 4-3 7-1-1-2 0-5 3-7z",
  birch: "M16 2l2 4 3 2 1 4 3 2-1 5-3 3-4 1v6h-2v-6l-4-1-3-3-1-5 3-2 1-4 3-2z",
  cedar: "M16 2l4 6h-2l5 6h-3l6 8h-9v7h-2v-7H6l6-8H9l5-6h-2z",
  elm: "M17 2c5 4 8 9 7 14-1 4-4 7-7 7v6h-2v-6c-4 0-7-3-7-8 0-5 4-9 9-13z",
  hazel: "M16 4c6 0 11 4 11 10 0 5-4 9-10 10v5h-2v-5C9 23 5 19 5 14 5 8 10 4 16 4z",
  rowan: "M16 2l3 5-2 3 6-1 3 3-4 3-5-1 6 4v4l-5 1-1-4v10h-2V19l-1 4-5-1v-4l6-4-5 1-4-3 3-3 6 1-2-3z",
  other: "M16 2c7 5 10 10 9 16-1 4-4 6-8 7v4h-2v-4c-4-1-7-3-8-7C6 12 9 7 16 2z",
};
const VEIN = "M16 27V9";
const COLOURS = 6; // of voices that are no trees

/**
 * @param {string} id of the voice; chooses the colour of one that is no tree.
 * @param {string} tree name of a preset, or "other".
 * @returns {SVGElement}
 */
export function leaf(id, tree) {
  const shape = tree in SHAPES ? tree : "other";
  const colour = shape === "other" ? `other-${hash(id) % COLOURS}` : shape;
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 32 32");
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("class", `leaf leaf-${colour}`);
  picture.append(path(SHAPES[shape], "blade"), path(VEIN, "vein"));
  return picture;
}

/**
 * @param {string} outline
 * @param {string} name class
 */
function path(outline, name) {
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", outline);
  line.setAttribute("class", name);
  return line;
}

/** @param {string} text */
function hash(text) {
  return [...text].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % 9973, 7);
}
