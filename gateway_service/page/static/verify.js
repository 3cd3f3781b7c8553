/** The check of a sound file for the mark of this server's speech. */

import { call } from "./api.js";
import { element, input } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setText } from "./language.js";

const VERIFY = "v1/audio/verify";
const MIN_SECONDS = 3; // of speech, in which a mark is found for sure

export function setUpVerify() {
  const field = input("verify-file");
  field.addEventListener("change", async () => {
    const file = field.files?.[0];
    if (file && field.ariaBusy !== "true") {
      field.ariaBusy = "true";
      await verify(file);
      field.ariaBusy = "false";
    }
    field.value = "";
  });
}

/** @param {File} file */
async function verify(file) {
  const { name } = file;
  const status = element("verify-status");
  hideError(element("verify-error"));
  setText(status, "verify.listening", { name });
  const body = new FormData();
  body.set("file", file);
  try {
    const { marked, seconds } = await (await call(VERIFY, { method: "POST", body })).json();
    const unmarked = seconds < MIN_SECONDS ? "verify.short" : "verify.unmarked";
    setText(status, marked ? "verify.marked" : unmarked, { name });
  } catch (error) {
    setText(status, "");
    showError(element("verify-error"), error);
  }
}
