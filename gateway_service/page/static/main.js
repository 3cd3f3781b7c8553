/** The entry point: sets up each part of the page. */

import { setUpAccessKey } from "./access_key.js";
import { setUpAddVoice } from "./add_voice.js";
import { setUpBlendForm } from "./blend_form.js";
import { openBook, setUpBookForm, startJob } from "./book_form.js";
import { setUpHealth } from "./health.js";
import { setUpHistory, showHistory, showLast } from "./history.js";
import { setUpLanguage } from "./language.js";
import { setUpPlayerBar } from "./player_bar.js";
import { setUpResult } from "./result.js";
import { setUpScript } from "./script.js";
import { setUpSpeechForm } from "./speech_form.js";
import { setUpTextBox } from "./text_box.js";
import { setUpVerify } from "./verify.js";
import { setUpVoiceAbout } from "./voice_about.js";
import { setUpVoiceImport } from "./voice_import.js";
import { setUpVoiceNotice } from "./voice_notice.js";
import { setUpVoices, showVoices } from "./voices.js";

setUpLanguage();
setUpAccessKey(() => {
  showVoices();
  showHistory();
});
setUpVoices();
setUpBlendForm();
setUpVoiceAbout();
setUpVoiceImport();
setUpVoiceNotice();
setUpAddVoice();
setUpPlayerBar();
setUpResult();
setUpTextBox(openBook);
setUpSpeechForm(startJob);
setUpScript();
setUpBookForm();
setUpHistory();
setUpVerify();
setUpHealth();
const listed = showVoices();
showHistory();
await showLast(listed);
document.body.classList.add("ready");
