"""Phrases of a long recording: cut at its pauses, with punctuation from a recogniser.

A recogniser supplies the time of each word and the punctuation. The words stay the transcript's.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from synthesizer_service.text import normalize
from training.evaluation.recognition import TimedWord

MAX_SECONDS = 8.0
"""Length above which a recording is cut. The synthesizer trains on clips of up to 8.8 s."""
MIN_SECONDS = 1.0  # of a phrase
MIN_PAUSE = 0.2  # seconds
MAX_MISHEARD = 0.25
"""Share of misrecognised words above which a phrase is dropped: recogniser or transcript is off."""

_WINDOW = MEL_FORMAT.sample_rate // 100  # samples, 10 ms
_PAUSE_DB = -30.0  # relative to the level of speech
_ABOVE_NOISE_DB = 6.0
_PAUSE_KEPT = 0.1  # seconds, on either side of a cut
_MAX_GAP = 0.5  # seconds between a word and a pause; a longer gap may hide a missed word
_MARK_BONUS = 0.3  # seconds of pause that punctuation is worth

_MARKS = re.compile(r"[.,!?;:]+")
_EDGES = re.compile(r"^[^a-z]+|[^a-z]+$")


@dataclass(frozen=True)
class Phrase:
    """start, end: samples of the recording. words: their number; misheard: how many of them the
    recogniser got wrong."""

    text: str
    start: int
    end: int
    words: int
    misheard: int

    @property
    def reliable(self) -> bool:
        return self.misheard <= MAX_MISHEARD * self.words


@dataclass(frozen=True)
class _Word:
    """text: without punctuation. written: with the transcript's. recognised: the recogniser heard
    the same. start, end: seconds, NaN unless one word of the recogniser's matches."""

    text: str
    mark: str = ""
    written: str = ""
    recognised: bool = False
    start: float = math.nan
    end: float = math.nan

    @property
    def letters(self) -> str:
        return "".join(filter(str.isalpha, self.text))

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class _Cut:
    """A cut after `word`, in the pause from `start` to `end`, in samples."""

    word: int
    start: int
    end: int
    score: float


def phrases(
    wav: Float32Array,
    transcript: str,
    recognised: Sequence[TimedWord],
    *,
    split: bool = True,
    punctuate: bool = True,
) -> list[Phrase]:
    """All phrases of a recording, in order. wav: [n] at 16 kHz.

    split: cut where it is longer than MAX_SECONDS; without a pause between two words a phrase stays
    longer. punctuate: replace the transcript's punctuation by the recogniser's; a phrase that ends
    without any gets a comma.
    """
    words = _align(_words(transcript), recognised)
    cuts = [*_cuts(words, _pauses(wav))] if split else []
    parts = _parts((0, len(words)), (0, len(wav)), cuts)
    return [_phrase(words[slice(*part)], span, punctuate) for part, span in parts]


def _phrase(words: Sequence[_Word], span: tuple[int, int], punctuate: bool) -> Phrase:
    if punctuate:
        text = " ".join(word.text + word.mark for word in words)
        text += "" if words and words[-1].mark else ","
    else:
        text = " ".join(word.written for word in words)
    return Phrase(text, *span, len(words), sum(not word.recognised for word in words))


def _words(text: str) -> list[_Word]:
    """The words of the normalised text, with their punctuation."""
    words = list[_Word]()
    for piece in normalize(text).split():
        bare = _EDGES.sub("", piece)
        if bare:
            mark = _MARKS.search(piece, piece.rfind(bare) + len(bare))
            words.append(_Word(bare, mark[0] if mark else "", written=piece))
        elif words:  # a dash by itself
            words[-1] = replace(words[-1], written=f"{words[-1].written} {piece}")
    return words


def _align(transcript: Sequence[_Word], recognised: Sequence[TimedWord]) -> list[_Word]:
    """The transcript's words with the recogniser's punctuation and times."""
    other = [
        replace(word, start=timed.start, end=timed.end)
        for timed in recognised
        for word in _words(timed.text)
    ]
    keys, other_keys = [word.letters for word in transcript], [word.letters for word in other]
    aligned = list[_Word]()
    for tag, i, j, k, m in SequenceMatcher(None, keys, other_keys, autojunk=False).get_opcodes():
        words = [replace(word, mark="") for word in transcript[i:j]]
        same = "".join(keys[i:j]) == "".join(other_keys[k:m])  # "any one", "anyone"
        if j - i == m - k:
            words = [
                replace(theirs, text=ours.text, written=ours.written, recognised=same)
                for ours, theirs in zip(transcript[i:j], other[k:m], strict=True)
            ]
        elif tag == "replace":
            words = [replace(word, recognised=same) for word in words]
            words[-1] = replace(words[-1], mark=other[m - 1].mark)
        aligned += words
    return aligned


def _pauses(wav: Float32Array) -> Iterator[tuple[int, int]]:
    """Start and end of each pause, in samples."""
    windows = len(wav) // _WINDOW
    power = (wav[: windows * _WINDOW].reshape(windows, _WINDOW) ** 2).mean(axis=1)
    level = 10 * np.log10(np.convolve(power, np.full(3, 1 / 3), "same") + 1e-10)
    if not windows:
        return
    noise, speech = np.percentile(level, [5, 95])
    quiet = level < max(noise + _ABOVE_NOISE_DB, speech + _PAUSE_DB)
    if noise + _ABOVE_NOISE_DB > speech + _PAUSE_DB / 2:
        return  # too noisy to find pauses
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start >= MIN_PAUSE * 100:
            yield start * _WINDOW, end * _WINDOW


def _cuts(words: Sequence[_Word], pauses: Iterable[tuple[int, int]]) -> Iterator[_Cut]:
    """Pauses between two words of known times.

    The recogniser ends a phrase's last word early, and may place a short word inside the pause. So
    a word precedes a pause if its middle does.
    """
    for pause in pauses:
        start, end = (edge / MEL_FORMAT.sample_rate for edge in pause)
        for number, (before, after) in enumerate(pairwise(words)):
            if before.middle < start <= after.middle and _adjacent(before, after, start, end):
                score = end - start + (_MARK_BONUS if before.mark else 0)
                yield _Cut(number, *pause, score)


def _adjacent(before: _Word, after: _Word, start: float, end: float) -> bool:
    """True if the gaps between the words and the pause are too short for a missed word."""
    return start - before.end < _MAX_GAP and after.start - end < _MAX_GAP


def _parts(
    words: tuple[int, int], span: tuple[int, int], cuts: Sequence[_Cut]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Ranges of words and of samples: cut at the best pause until every part is short enough."""
    rate = MEL_FORMAT.sample_rate
    shortest = MIN_SECONDS * rate
    inside = [
        cut
        for cut in cuts
        if words[0] <= cut.word < words[1] - 1
        and cut.start - span[0] >= shortest
        and span[1] - cut.end >= shortest
    ]
    if span[1] - span[0] <= MAX_SECONDS * rate or not inside:
        yield words, span
        return
    best = max(inside, key=lambda cut: cut.score)
    middle, kept = (best.start + best.end) // 2, round(_PAUSE_KEPT * rate)
    end, begin = min(middle, best.start + kept), max(middle, best.end - kept)
    yield from _parts((words[0], best.word + 1), (span[0], end), cuts)
    yield from _parts((best.word + 1, words[1]), (begin, span[1]), cuts)
