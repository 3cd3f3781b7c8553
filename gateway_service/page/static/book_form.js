/** The dialog for a book, and new jobs of texts. */

import { ApiError } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, showError, showHint } from "./errors.js";
import { addNewJob } from "./history.js";
import { newBook, newJob } from "./jobs.js";
import { setText } from "./language.js";
import { speed as chosenSpeed } from "./speech_form.js";
import { selectedVoice, voiceName } from "./voices.js";

/** @type {File | null} */
let file = null;

const dialog = () => /** @type {HTMLDialogElement} */ (element("book"));

export function setUpBookForm() {
  element("book-cancel").addEventListener("click", () => dialog().close());
  element("book-form").addEventListener("submit", (event) => {
    event.preventDefault();
    makeBook();
  });
}

/** @param {File} chosen */
export async function openBook(chosen) {
  file = chosen;
  hideError(element("book-error"));
  element("book-name").textContent = chosen.name;
  input("book-chapters").value = "";
  dialog().showModal();
  try {
    const voice = voiceName(await selectedVoice());
    setText(element("book-voice"), "book.voice", { voice });
  } catch (error) {
    showError(element("book-error"), error);
  }
}

async function makeBook() {
  const button = element("book-make");
  if (!file || button.ariaBusy === "true") {
    return;
  }
  hideError(element("book-error"));
  button.ariaBusy = "true";
  try {
    const spec = {
      voice: await selectedVoice(),
      speed: chosenSpeed(),
      response_format: input("book-format").value,
      chapters: input("book-chapters").value.trim(),
    };
    await addNewJob(await newBook(file, spec), null);
    dialog().close();
    element("history-title").focus();
  } catch (error) {
    if (error instanceof ApiError && error.param === "chapters") {
      showHint(element("book-error"), "book.wrongChapters", input("book-chapters"));
    } else {
      showError(element("book-error"), error);
    }
  }
  button.ariaBusy = "false";
}

/**
 * Has a text made in the background.
 * @param {string} text
 * @param {number} speed
 */
export async function startJob(text, speed) {
  const alert = element("speech-error");
  hideError(alert);
  setText(element("history-status"), "");
  try {
    const response_format = input("job-format").value;
    const spec = { input: text, speed, voice: await selectedVoice(), response_format };
    await addNewJob(await newJob(spec), spec);
    element("history-title").focus();
  } catch (error) {
    showError(alert, error);
  }
}
