/** The speech on the page: its text as it is heard, tools for a sentence, and details. */

import { canvas, download, element } from "./dom.js";
import { filesOfJob, filesOfSpeech, fileName } from "./downloads.js";
import { hideError, showError } from "./errors.js";
import { captionsOf, pathOf, soundAddress } from "./jobs.js";
import { keep } from "./kept.js";
import { setText, setTime } from "./language.js";
import { player } from "./player.js";
import { offerFiles } from "./player_bar.js";
import { Reader } from "./reader.js";
import { SentencePlots } from "./sentence_plots.js";
import { RATE } from "./track.js";
import { wavFile } from "./wav.js";

/**
 * @typedef {import("./speech.js").Speech} Speech
 * @typedef {import("./jobs.js").Job} Job
 */

/** @type {Speech | null} The speech on the page; null for none, or a job. */
let speech = null;
let shownId = ""; // of the speech or job on the page
/** @type {Reader} */
let reader;
/** @type {SentencePlots | null} */
let plots = null;
let plotted = -1; // index of the sentence of `plots`

export function setUpResult() {
  reader = new Reader(element("sentences"), (seconds) => player.play(seconds));
  element("redo-sentence").addEventListener("click", redoSentence);
  element("save-sentence").addEventListener("click", saveSentence);
  element("result-details").addEventListener("toggle", update);
  for (const type of ["tick", "change"]) {
    player.addEventListener(type, update);
  }
  new ResizeObserver(update).observe(element("result"));
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
  player.load({
    id: shown.id,
    title: shown.name,
    voice: shown.voiceName,
    track: shown.track,
    expected: () => shown.expectedSeconds,
    open: async () => URL.createObjectURL(wavFile(shown.track.received, RATE)),
  });
  offerFiles(() => filesOfSpeech(shown, async () => shown));
  update();
}

/**
 * Puts the sound of a completed job on the page and into the player.
 * @param {Job} job
 */
export async function showJob(job) {
  speech = null;
  begin(job.id, job.voice, job.created_at * 1000);
  reader.show([]);
  element("sentence-tools").hidden = true;
  element("result-details").hidden = true;
  const title = job.book?.title || job.preview;
  const open = () => soundAddress(`${pathOf(job.id)}/audio`);
  player.load({ id: job.id, title, voice: job.voice, open });
  offerFiles(() => filesOfJob(job));
  if (job.timestamps) {
    try {
      const sentences = await captionsOf(job.id);
      if (shownId === job.id) {
        reader.show(sentences);
      }
    } catch (error) {
      showError(element("result-error"), error);
    }
  }
}

/**
 * @param {string} id
 * @param {string} voice
 * @param {number} time in milliseconds since 1970
 */
function begin(id, voice, time) {
  shownId = id;
  plots = null;
  plotted = -1;
  element("result").hidden = false;
  element("result-voice").textContent = voice;
  setTime(/** @type {HTMLTimeElement} */ (element("result-time")), time);
  setText(element("result-status"), "");
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
    speech = null;
    element("result").hidden = true;
    player.unload();
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
    player.feed();
    update();
  }
}

/** Follows the sound: the word, the sentence, its tools and its plots. */
function update() {
  if (element("result").hidden || player.item?.id !== shownId) {
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
      await player.reload();
      await player.play(redone.sentences[index].start);
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
