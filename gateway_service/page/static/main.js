/** The entry point: sets up each part of the page. */

import { setUpAccessKey } from "./access_key.js";
import { setUpAddVoice } from "./add_voice.js";
import { setUpBlendForm } from "./blend_form.js";
import { setUpHealth } from "./health.js";
import { setUpJobs, showJobs, startJob } from "./jobs.js";
import { setUpLanguage } from "./language.js";
import { setUpResult } from "./result.js";
import { setUpScript } from "./script.js";
import { setUpSpeechForm } from "./speech_form.js";
import { setUpVerify } from "./verify.js";
import { setUpVoiceAbout } from "./voice_about.js";
import { setUpVoiceImport } from "./voice_import.js";
import { setUpVoiceNotice } from "./voice_notice.js";
import { setUpVoices, showVoices } from "./voices.js";

setUpLanguage();
setUpAccessKey(() => {
  showVoices();
  showJobs();
});
setUpVoices();
setUpBlendForm();
setUpVoiceAbout();
setUpVoiceImport();
setUpVoiceNotice();
setUpAddVoice();
setUpResult();
setUpSpeechForm(startJob);
setUpScript();
setUpJobs();
setUpVerify();
setUpHealth();
showVoices();
showJobs();
