/** The files of a speech or job, as entries of a download menu. */

import { call, postJson } from "./api.js";
import { captionFile } from "./captions.js";
import { download } from "./dom.js";
import { BOOK_FORMATS, pathOf, titleOf } from "./jobs.js";
import { firstWords } from "./speech.js";
import { RATE } from "./track.js";
import { voiceName } from "./voices.js";
import { wavFile } from "./wav.js";

/** @typedef {{label: string, format: string, save: () => Promise<void>}} Entry label: string key. */

const MADE_BY_SERVER = ["mp3", "flac", "opus", "aac"];
const MAX_NAME = 70; // characters, cut at a word

/**
 * @param {string} voice
 * @param {string} text
 * @param {string} ending
 * @returns {string} a file name of the voice and the first words.
 */
export function fileName(voice, text, ending) {
  const words = firstWords(text).replace(/…$/, "");
  const plain = `${voice} - ${words}`.replace(/[\\/:*?"<>|\p{Cc}]+/gu, "").replace(/\s+/g, " ");
  const cut = plain.length > MAX_NAME ? plain.slice(0, MAX_NAME).replace(/\s\S*$/, "") : plain;
  return `${cut.replace(/[\s.]+$/, "")}.${ending}`;
}

/**
 * @typedef {Pick<import("./speech.js").Speech,
 *   "request" | "voiceName" | "state" | "edited" | "sentences">} SpeechFacts
 */

/**
 * @param {SpeechFacts} facts
 * @param {() => Promise<import("./speech.js").Speech>} load gives the speech with its sound.
 * @returns {Entry[]}
 */
export function filesOfSpeech(facts, load) {
  const named = (/** @type {string} */ ending) =>
    fileName(facts.voiceName, facts.request.text, ending);
  /** @type {Entry[]} */
  const entries = [
    {
      label: "download.sound",
      format: "wav",
      save: async () => download(wavFile((await load()).track.received, RATE), named("wav")),
    },
  ];
  // The same request and seed give the same sound; the browser has no encoders.
  const formats = facts.state === "done" && !facts.edited ? MADE_BY_SERVER : [];
  for (const format of formats) {
    const save = () => fromServer(facts.request, format, named(format));
    entries.push({ label: "download.sound", format, save });
  }
  if (facts.sentences.some(({ words }) => words.length > 0)) {
    for (const format of /** @type {const} */ (["srt", "vtt"])) {
      const save = async () => download(captionFile(facts.sentences, format), named(format));
      entries.push({ label: "download.captions", format, save });
    }
  }
  return entries;
}

/**
 * @param {import("./speech.js").Request} spoken
 * @param {string} format
 * @param {string} name
 */
async function fromServer({ text: input, ...request }, format, name) {
  const body = { model: "tts-1", response_format: format, input, ...request };
  download(await (await postJson("v1/audio/speech", body)).blob(), name);
}

/**
 * @param {import("./jobs.js").Job} job that is completed.
 * @returns {Entry[]}
 */
export function filesOfJob(job) {
  const entry = (/** @type {string} */ label, /** @type {string} */ format, /** @type {string} */ from) => ({
    label,
    format,
    save: async () => {
      const ending = format === "karaoke" ? "words.vtt" : format;
      const blob = await (await call(`${pathOf(job.id)}/${from}`)).blob();
      download(blob, fileName(voiceName(job.voice), job.book?.title || job.preview, ending));
    },
  });
  const entries = [entry("download.sound", job.response_format, "audio")];
  if (job.timestamps) {
    entries.push(
      entry("download.captions", "srt", "captions?format=srt"),
      entry("download.captions", "vtt", "captions?format=vtt"),
      entry("download.karaoke", "karaoke", "captions?format=vtt&words=true"),
    );
  }
  return entries;
}

/**
 * @param {import("./jobs.js").Job} job
 * @param {number} number of a chapter that is completed.
 * @param {string} title of the chapter.
 * @returns {Entry[]}
 */
export function filesOfChapter(job, number, title) {
  const format = BOOK_FORMATS.has(job.response_format) ? "mp3" : job.response_format;
  const name = fileName(voiceName(job.voice), title || `${titleOf(job)} ${number}`, format);
  const save = async () => {
    download(await (await call(`${pathOf(job.id)}/chapters/${number}/audio`)).blob(), name);
  };
  return [{ label: "download.sound", format, save }];
}
