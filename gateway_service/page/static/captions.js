/** Captions of a short speech: SubRip and WebVTT. The server makes those of jobs. */

/** @typedef {import("./speech.js").Word} Word */

const MAX_LINE = 42; // characters; two lines in a caption
const MAX_SECONDS = 7;

/**
 * @param {import("./speech.js").Sentence[]} sentences
 * @returns {Word[][]} the words of each caption, with their punctuation.
 */
function captionsOf(sentences) {
  return sentences.flatMap(({ text, words }) => cut(tokensOf(text, words)));
}

/**
 * The text between white space with the times of the words in it.
 * @param {string} text
 * @param {Word[]} words
 * @returns {Word[]}
 */
function tokensOf(text, words) {
  /** @type {Word[]} */
  const tokens = [];
  let at = 0;
  const starts = words.map(({ word }) => {
    const start = text.indexOf(word, at);
    at = start < 0 ? at : start + word.length;
    return start;
  });
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    const inside = words.filter((_, i) => starts[i] >= index && starts[i] < index + word.length);
    if (inside.length > 0) {
      tokens.push({ word, start: inside[0].start, end: inside[inside.length - 1].end });
    } else if (tokens.length > 0) {
      tokens[tokens.length - 1].word += ` ${word}`;
    }
  }
  return tokens;
}

/**
 * @param {Word[]} tokens of a sentence.
 * @returns {Word[][]}
 */
function cut(tokens) {
  /** @type {Word[][]} */
  const captions = [];
  for (const token of tokens) {
    const last = captions.at(-1);
    if (last && fits([...last, token])) {
      last.push(token);
    } else {
      captions.push([token]);
    }
  }
  return captions;
}

/** @param {Word[]} tokens */
function fits(tokens) {
  const seconds = tokens[tokens.length - 1].end - tokens[0].start;
  return seconds <= MAX_SECONDS && linesOf(tokens).length <= 2;
}

/** @param {Word[]} tokens */
function linesOf(tokens) {
  const lines = [""];
  for (const { word } of tokens) {
    const joined = `${lines[lines.length - 1]} ${word}`.trim();
    if (joined.length > MAX_LINE && lines[lines.length - 1]) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = joined;
    }
  }
  return lines;
}

/**
 * @param {number} seconds
 * @param {string} mark before the milliseconds.
 */
function clock(seconds, mark) {
  const iso = new Date(Math.round(seconds * 1000)).toISOString();
  return iso.slice(11, 23).replace(".", mark);
}

/** @param {string} text */
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/**
 * @param {import("./speech.js").Sentence[]} sentences
 * @param {"srt" | "vtt"} format
 * @returns {Blob}
 */
export function captionFile(sentences, format) {
  const isVtt = format === "vtt";
  const mark = isVtt ? "." : ",";
  const cues = captionsOf(sentences).map((tokens, index) => {
    const times = [tokens[0].start, tokens[tokens.length - 1].end].map((time) => clock(time, mark));
    const text = linesOf(tokens).join("\n");
    return `${isVtt ? "" : `${index + 1}\n`}${times.join(" --> ")}\n${isVtt ? escaped(text) : text}\n\n`;
  });
  const type = isVtt ? "text/vtt" : "application/x-subrip";
  return new Blob([isVtt ? "WEBVTT\n\n" : "", ...cues], { type });
}
