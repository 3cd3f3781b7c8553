/** The speech on the page: its text as it is heard, tools for a sentence, and details. */

import { canvas, download, element } from "./dom.js";
import { fileName, filesOfChapter, filesOfJob, filesOfSpeech } from "./downloads.js";
import { hideError, serverMessage, showError } from "./errors.js";
import { openSound } from "./job_sound.js";
import { captionsOf, pathOf, titleOf } from "./jobs.js";
import { keep } from "./kept.js";
import { setText, setTime } from "./language.js";
import { player } from "./player.js";
import { offerFiles } from "./player_bar.js";
import { Reader } from "./reader.js";
import { SentencePlots } from "./sentence_plots.js";
import { storeDraft, unstore } from "./storage.js";
import { RATE } from "./track.js";
import { voiceName } from "./voices.js";
import { wavFile } from "./wav.js";

/**
 * @typedef {import("./speech.js").Speech} Speech
 * @typedef {import("./jobs.js").Job} Job
 */

/** Name of the stored id of the speech or job on the page. */
export const SHOWN = "shown";

/** @type {Speech | null} The speech on the page; null for none, or a job. */
let speech = null;
let shownId = ""; // of the speech or job on the page
/** Puts the sound of the speech or job on the page into the player. */
let loadShown = () => {};
/** @type {Reader} */
let reader;
/** @type {SentencePlots | null} */
let plots = null;
let plotted = -1; // index of the sentence of `plots`

export function setUpResult() {
  reader = new Reader(element("sentences"), playShown);
  element("redo-sentence").addEventListener("click", redoSentence);
  element("save-sentence").addEventListener("click", saveSentence);
  element("result-details").addEventListener("toggle", update);
  for (const type of ["tick", "change"]) {
    player.addEventListener(type, update);
  }
  new ResizeObserver(update).observe(element("result"));
  new ResizeObserver(([{ target }]) => {
    const { style } = /** @type {HTMLElement} */ (target);
    style.setProperty("--work-height", `${/** @type {HTMLElement} */ (target).offsetHeight}px`);
  }).observe(element("work"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
}

/**
 * Puts a speech on the page and into the player, in place of the one before.
 * @param {Speech} shown it may still be received.
 */
export function showSpeech(shown) {
  speech = shown;
  begin(shown.id, shown.voiceName, shown.createdAt);
  reader.show(shown.sentences);
  element("made").ariaBusy = String(shown.state === "receiving");
  element("sentence-tools").hidden = shown.state === "receiving";
  element("result-details").hidden = false;
  showNotes(shown);
  loadShown = () => {
    player.load({
      id: shown.id,
      title: shown.name,
      voice: shown.voiceName,
      track: shown.track,
      expected: () => shown.expectedSeconds,
      open: async () => ({ url: URL.createObjectURL(wavFile(shown.track.received, RATE)) }),
    });
    offerFiles(() => filesOfSpeech(shown, async () => shown));
  };
  loadShown();
  update();
}

/**
 * Puts the sound of a completed job on the page and into the player.
 * @param {Job} job
 */
export async function showJob(job) {
  speech = null;
  const voice = voiceName(job.voice);
  begin(job.id, voice, job.created_at * 1000);
  reader.show([]);
  element("sentence-tools").hidden = true;
  element("result-details").hidden = true;
  /** @type {import("./speech.js").Sentence[]} */
  let sentences = [];
  loadShown = () => {
    player.load({
      id: job.id,
      title: job.book?.title || job.preview,
      voice,
      expected: () => sentences.at(-1)?.end ?? 0,
      open: () => openSound(`${pathOf(job.id)}/audio`),
    });
    offerFiles(() => filesOfJob(job));
  };
  loadShown();
  if (job.timestamps) {
    try {
      sentences = await captionsOf(job.id);
      if (shownId === job.id) {
        reader.show(sentences);
        player.feed();
      }
    } catch (error) {
      showError(element("result-error"), error);
    }
  }
}

/**
 * Plays a chapter of a job, which may not be completed. The page stays as it is.
 * @param {Job} job
 * @param {import("./jobs.js").Chapter} chapter
 */
export function playChapter(job, { number, title }) {
  const id = `${job.id}/${number}`;
  if (player.item?.id === id) {
    player.toggle();
    return;
  }
  const open = () => openSound(`${pathOf(job.id)}/chapters/${number}/audio`);
  player.load({ id, title: title || titleOf(job), voice: voiceName(job.voice), open });
  offerFiles(() => filesOfChapter(job, number, title));
  player.play(0);
}

/** @param {number} seconds of the sound on the page; a chapter of a job may be in the player. */
function playShown(seconds) {
  if (player.item?.id !== shownId) {
    loadShown();
  }
  return player.play(seconds);
}

/**
 * @param {string} id
 * @param {string} voice
 * @param {number} time in milliseconds since 1970
 */
function begin(id, voice, time) {
  shownId = id;
  storeDraft(SHOWN, id);
  plots = null;
  plotted = -1;
  element("result").hidden = false;
  element("result-voice").textContent = voice;
  setTime(/** @type {HTMLTimeElement} */ (element("result-time")), time);
  setText(element("result-status"), "");
  element("result-notes").hidden = true;
  hideError(element("result-error"));
  for (const plot of ["mel", "attention"]) {
    canvas(plot).width = 0;
    setText(element(`${plot}-caption`), "");
  }
}

/** @param {string} id of a speech or job that is gone: its page and its sound are gone with it. */
export function hideResult(id) {
  if (shownId === id) {
    shownId = "";
    unstore(SHOWN);
    speech = null;
    element("result").hidden = true;
  }
  if (`${player.item?.id}/`.startsWith(`${id}/`)) {
    player.unload(); // the sound, or a chapter of it
  }
}

export const isShown = (/** @type {string} */ id) => shownId === id;

/** @param {any} event that was added to the speech. */
export function showEvent(event) {
  if (event.type === "speech.sentence.details") {
    reader.grow();
  } else if (event.type === "speech.sentence.words") {
    reader.refresh(event.index);
  }
  player.feed();
}

/** @param {Speech} ended its last part was received, or none will come any more. */
export function showEnd(ended) {
  const { state, firstSoundSeconds: first } = ended;
  const { seconds } = ended.track;
  if (speech === ended) {
    element("made").ariaBusy = "false";
    element("sentence-tools").hidden = false;
    setText(element("result-status"), `result.${state}`, { seconds, first });
    showNotes(ended);
    player.feed();
    update();
  }
}

/** @param {Speech} shown what the server left out of its text is said under it. */
function showNotes({ notes }) {
  element("result-notes").replaceChildren(...notes.map(serverMessage));
  element("result-notes").hidden = notes.length === 0;
}

/** Follows the sound: the word, the sentence, its tools and its plots. */
function update() {
  if (element("result").hidden) {
    return;
  }
  if (player.item?.id !== shownId) {
    reader.follow(null);
    return;
  }
  const { position, playing } = player;
  reader.follow(playing || position > 0 ? position : null);
  if (speech) {
    showTools(speech);
    showDetails(speech, position);
  }
}

/** @param {Speech} shown */
function showTools({ sentences }) {
  const number = reader.current + 1;
  const sentence = sentences[reader.current];
  const values = JSON.stringify({ number, count: sentences.length, seed: String(sentence?.seed) });
  const facts = element("sentence-facts");
  if (sentence && facts.dataset.values !== values) {
    setText(facts, "sentence.facts", JSON.parse(values));
  }
}

/**
 * @param {Speech} shown
 * @param {number} position in seconds
 */
function showDetails(shown, position) {
  const details = /** @type {HTMLDetailsElement} */ (element("result-details"));
  const sentence = shown.sentences[reader.current];
  if (!details.open || !sentence?.plots) {
    return;
  }
  const { seconds, peak } = shown.track;
  const level = 20 * Math.log10(Math.max(peak, 1e-5));
  setText(element("result-level"), "result.level", { seconds, level });
  if (plotted !== reader.current) {
    plotted = reader.current;
    plots = new SentencePlots(sentence.plots, plotted + 1);
    plots.describe();
  }
  const share = (position - sentence.start) / (sentence.end - sentence.start);
  plots?.draw(position && share >= 0 && share <= 1 ? share : null);
}

async function redoSentence() {
  const button = element("redo-sentence");
  const redone = speech;
  const index = reader.current;
  if (!redone || button.ariaBusy === "true") {
    return;
  }
  hideError(element("result-error"));
  button.ariaBusy = "true";
  try {
    await redone.redo(index);
    await keep(redone);
    if (speech === redone) {
      plotted = -1;
      reader.show(redone.sentences);
      reader.select(index);
      if (player.item?.id === redone.id) {
        await player.reload();
      }
      await playShown(redone.sentences[index].start);
      update();
    }
  } catch (error) {
    showError(element("result-error"), error);
  }
  button.ariaBusy = "false";
}

function saveSentence() {
  if (speech) {
    const { text } = speech.sentences[reader.current];
    const file = wavFile(speech.samplesOf(reader.current), RATE);
    download(file, fileName(speech.voiceName, text, "wav"));
  }
}
