/** The text: kept while it is written, filled by examples and files. */

import { confirmed, element, input } from "./dom.js";
import { hideError, showHint } from "./errors.js";
import { store, stored, storeDraft } from "./storage.js";

const DRAFT = "text";
/** In English in every language of the page: the models speak English. */
const EXAMPLES = {
  first: "Hello! I am a voice made by a machine. Write anything here, and I will say it for you.",
  story:
    "The old lighthouse had been dark for years. Tonight, for no reason that anyone could name, its lamp was burning again.",
  news: "Good morning. It is 7:30, and 12 °C outside. Expect light rain until noon, and a clear, quiet evening.",
  poem: "I wandered lonely as a cloud\nThat floats on high o'er vales and hills,\nWhen all at once I saw a crowd,\nA host, of golden daffodils.",
};
const MAX_FILE_BYTES = 8 * 1024 * 1024;

export const textBox = () => input("text");

/** @param {(file: File) => void} onBook called with a file that only a job reads. */
export function setUpTextBox(onBook) {
  const box = textBox();
  box.value = stored(DRAFT) ?? EXAMPLES.first;
  box.addEventListener("input", () => {
    storeDraft(DRAFT, box.value);
    hideError(element("speech-error"));
  });
  for (const chip of document.querySelectorAll("[data-example]")) {
    const name = /** @type {keyof typeof EXAMPLES} */ (/** @type {HTMLElement} */ (chip).dataset.example);
    chip.addEventListener("click", () => replaceText(EXAMPLES[name]));
  }
  const file = input("text-file");
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (chosen) {
      await openFile(chosen, onBook);
    }
    file.value = "";
  });
  setUpDrop(onBook);
}

/** @param {(file: File) => void} onBook */
function setUpDrop(onBook) {
  const target = element("studio");
  target.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) {
      event.preventDefault();
      target.classList.add("dropping");
    }
  });
  target.addEventListener("dragleave", () => target.classList.remove("dropping"));
  target.addEventListener("drop", (event) => {
    target.classList.remove("dropping");
    const [file] = event.dataTransfer?.files ?? [];
    if (file) {
      event.preventDefault();
      openFile(file, onBook);
    }
  });
}

/** @param {string} text put in place of the one in the box; asks if that was typed. */
async function replaceText(text) {
  const box = textBox();
  const untouched = [...Object.values(EXAMPLES), "", stored("opened")];
  if (!untouched.includes(box.value) && !(await confirmed("text.confirmReplace", "text.replace"))) {
    return false;
  }
  box.value = text;
  box.dispatchEvent(new Event("input"));
  box.scrollTop = 0;
  box.focus();
  return true;
}

/**
 * @param {File} file
 * @param {(file: File) => void} onBook
 */
async function openFile(file, onBook) {
  const alert = element("file-error");
  hideError(alert);
  if (/\.(epub|x?html?)$/i.test(file.name) || file.type === "application/epub+zip") {
    onBook(file);
    return;
  }
  const { name } = file;
  if (file.size > MAX_FILE_BYTES) {
    showHint(alert, "file.large", undefined, { name, max: MAX_FILE_BYTES / 1024 ** 2 });
    return;
  }
  const { text, guessed } = decoded(new Uint8Array(await file.arrayBuffer()));
  if (text === null) {
    showHint(alert, "file.binary", undefined, { name });
  } else if (!text.trim()) {
    showHint(alert, "file.empty", undefined, { name });
  } else if (await replaceText(text)) {
    store("opened", textBox().value.length < 10_000 ? textBox().value : "", { persistent: false });
    if (guessed) {
      showHint(alert, "file.guessed", undefined, { name });
    }
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {{text: string | null, guessed: boolean}} text: null if it is none; guessed: whether the
 *   encoding is a guess, Windows-1252.
 */
function decoded(bytes) {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return { text: isText(text) ? text : null, guessed: false };
  } catch {
    const text = new TextDecoder("windows-1252").decode(bytes);
    return { text: isText(text) ? text : null, guessed: true };
  }
}

/** @param {string} text */
function isText(text) {
  // Control characters other than tabs and ends of lines and pages.
  return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
}
