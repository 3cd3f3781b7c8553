/** The entry point: sets up each part of the page. */

import { setUpAccessKey } from "./access_key.js";
import { setUpJobs, showJobs, startJob } from "./jobs.js";
import { setUpLanguage } from "./language.js";
import { setUpNewVoice } from "./new_voice.js";
import { setUpResult } from "./result.js";
import { setUpSpeechForm } from "./speech_form.js";
import { setUpVoices, showVoices } from "./voices.js";

setUpLanguage();
setUpAccessKey(() => {
  showVoices();
  showJobs();
});
setUpVoices();
setUpNewVoice();
setUpResult();
setUpSpeechForm(startJob);
setUpJobs();
showVoices();
showJobs();
