"""A recording with a plain transcript, as phrases: cut at its pauses, written with marks.

A recogniser tells when each word is spoken and how it is written. The words stay the transcript's;
marks and times are the recogniser's, where its word is the transcript's.
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
from training.evaluation.recognition import HeardWord

MAX_SECONDS = 8.0
"""A longer recording is cut. The synthesizer learns from clips of up to 8.8 s."""
MIN_SECONDS = 1.0  # of a phrase
MIN_PAUSE = 0.2  # seconds
MAX_MISHEARD = 0.25
"""Share of a phrase's words. Where more differ, the recogniser lost its way or the transcript is
another text's, and the phrase is left out."""

_WINDOW = MEL_FORMAT.sample_rate // 100  # samples, 10 ms
_PAUSE_DB = -30.0  # below the level of speech
_ABOVE_NOISE_DB = 6.0
_KEPT_OF_PAUSE = 0.1  # seconds, on either side of a cut
_UNHEARD = 0.5  # seconds, in which the recogniser may have missed a word
_MARKED = 0.3  # seconds of pause that a mark is worth

_MARKS = re.compile(r"[.,!?;:]+")
_EDGES = re.compile(r"^[^a-z]+|[^a-z]+$")


@dataclass(frozen=True)
class Phrase:
    """start, end: samples of the recording. words: how many; misheard: how many of them the
    recogniser took for others."""

    text: str
    start: int
    end: int
    words: int
    misheard: int

    @property
    def understood(self) -> bool:
        return self.misheard <= MAX_MISHEARD * self.words


@dataclass(frozen=True)
class _Word:
    """written: as the text has it, with all its marks. start, end: seconds; not a number where no
    word of the recogniser's stands for it alone."""

    text: str
    mark: str = ""
    written: str = ""
    heard: bool = False
    start: float = math.nan
    end: float = math.nan

    @property
    def key(self) -> str:
        return "".join(filter(str.isalpha, self.text))

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class _Cut:
    """After `word`, at the pause from `start` to `end` in samples."""

    word: int
    start: int
    end: int
    worth: float


def phrases(
    wav: Float32Array,
    transcript: str,
    heard: Sequence[HeardWord],
    *,
    split: bool = True,
    punctuate: bool = True,
) -> list[Phrase]:
    """In their order, none left out. wav: [n] at 16 kHz.

    split: cut what is longer than `MAX_SECONDS`; a part without a pause between two words stays as
    long as it is. punctuate: replace the transcript's marks by the recogniser's; a phrase that has
    none at its end gets a comma.
    """
    words = _timed(_words(transcript), heard)
    cuts = [*_cuts(words, _pauses(wav))] if split else []
    parts = _parts((0, len(words)), (0, len(wav)), cuts)
    return [_phrase(words[slice(*part)], span, punctuate) for part, span in parts]


def _phrase(spoken: Sequence[_Word], span: tuple[int, int], punctuate: bool) -> Phrase:
    if punctuate:
        text = " ".join(word.text + word.mark for word in spoken)
        text += "" if spoken and spoken[-1].mark else ","
    else:
        text = " ".join(word.written for word in spoken)
    return Phrase(text, *span, len(spoken), sum(not word.heard for word in spoken))


def _words(text: str) -> list[_Word]:
    """As they are spoken, one for each that `normalize` sets apart by spaces."""
    words = list[_Word]()
    for piece in normalize(text).split():
        bare = _EDGES.sub("", piece)
        if bare:
            mark = _MARKS.search(piece, piece.rfind(bare) + len(bare))
            words.append(_Word(bare, mark[0] if mark else "", written=piece))
        elif words:  # a dash that stands alone
            words[-1] = replace(words[-1], written=f"{words[-1].written} {piece}")
    return words


def _timed(transcript: Sequence[_Word], heard: Sequence[HeardWord]) -> list[_Word]:
    """The transcript's words with the marks and times of the recogniser's."""
    other = [
        replace(word, start=said.start, end=said.end)
        for said in heard
        for word in _words(said.text)
    ]
    keys, others = [word.key for word in transcript], [word.key for word in other]
    timed = list[_Word]()
    for tag, i, j, k, m in SequenceMatcher(None, keys, others, autojunk=False).get_opcodes():
        plain = [replace(word, mark="") for word in transcript[i:j]]
        same = "".join(keys[i:j]) == "".join(others[k:m])  # any one, anyone
        if j - i == m - k:
            plain = [
                replace(theirs, text=ours.text, written=ours.written, heard=same)
                for ours, theirs in zip(transcript[i:j], other[k:m], strict=True)
            ]
        elif tag == "replace":
            plain = [replace(word, heard=same) for word in plain]
            plain[-1] = replace(plain[-1], mark=other[m - 1].mark)
        timed += plain
    return timed


def _pauses(wav: Float32Array) -> Iterator[tuple[int, int]]:
    """Start and end in samples."""
    windows = len(wav) // _WINDOW
    power = (wav[: windows * _WINDOW].reshape(windows, _WINDOW) ** 2).mean(axis=1)
    level = 10 * np.log10(np.convolve(power, np.full(3, 1 / 3), "same") + 1e-10)
    if not windows:
        return
    noise, speech = np.percentile(level, [5, 95])
    quiet = level < max(noise + _ABOVE_NOISE_DB, speech + _PAUSE_DB)
    if noise + _ABOVE_NOISE_DB > speech + _PAUSE_DB / 2:
        return  # too noisy to tell
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start >= MIN_PAUSE * 100:
            yield start * _WINDOW, end * _WINDOW


def _cuts(words: Sequence[_Word], pauses: Iterable[tuple[int, int]]) -> Iterator[_Cut]:
    """Pauses between two words whose times are known.

    The recogniser lets a last word end early, and may have a short word begin in the pause before
    it or end there. So a word comes before a pause if its middle does.
    """
    for pause in pauses:
        start, end = (edge / MEL_FORMAT.sample_rate for edge in pause)
        for number, (before, after) in enumerate(pairwise(words)):
            if before.middle < start <= after.middle and _near(before, after, start, end):
                worth = end - start + (_MARKED if before.mark else 0)
                yield _Cut(number, *pause, worth)


def _near(before: _Word, after: _Word, start: float, end: float) -> bool:
    """True if nothing else can have been said between the words and the pause."""
    return start - before.end < _UNHEARD and after.start - end < _UNHEARD


def _parts(
    words: tuple[int, int], span: tuple[int, int], cuts: Sequence[_Cut]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Parts of words and of samples, cut at the best pause again and again until all are short."""
    shortest, rate = MIN_SECONDS * MEL_FORMAT.sample_rate, MEL_FORMAT.sample_rate
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
    best = max(inside, key=lambda cut: cut.worth)
    middle, kept = (best.start + best.end) // 2, round(_KEPT_OF_PAUSE * rate)
    ends, begins = min(middle, best.start + kept), max(middle, best.end - kept)
    yield from _parts((words[0], best.word + 1), (span[0], ends), cuts)
    yield from _parts((best.word + 1, words[1]), (begins, span[1]), cuts)
