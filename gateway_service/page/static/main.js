/** The entry point: sets up each part of the page. */

import { setUpAccessKey } from "./access_key.js";
import { openBook, setUpBookForm, startJob } from "./book_form.js";
import { setUpHistory, showHistory, showLastSpeech } from "./history.js";
import { setUpLanguage } from "./language.js";
import { setUpNewVoice } from "./new_voice.js";
import { setUpPlayerBar } from "./player_bar.js";
import { setUpResult } from "./result.js";
import { setUpSpeechForm } from "./speech_form.js";
import { setUpTextBox } from "./text_box.js";
import { setUpVoices, showVoices } from "./voices.js";

setUpLanguage();
setUpAccessKey(() => {
  showVoices();
  showHistory();
});
setUpVoices();
setUpNewVoice();
setUpPlayerBar();
setUpResult();
setUpTextBox(openBook);
setUpSpeechForm(startJob);
setUpBookForm();
setUpHistory();
showVoices();
showHistory();
await showLastSpeech();
document.body.classList.add("ready");
