"""Word times from the attention: the best monotonic path through it, cut at the words.

The attention of step s [S, L] says which symbols the network read to make the step's frames. A
Viterbi search finds the path of symbols that never goes back and has the largest sum of log
weights; a word lasts from the step in which the path enters its first symbol to the step in which
it leaves its last. (J. Kim et al., "Glow-TTS", arXiv:2005.11129, section 3.1, search alike.)
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array, Int64Array

MAX_ADVANCE = 4
"""Symbols in one step. A step of one frame is 12.5 ms long, a fast speaker's symbol 40 ms."""
LAG = 0.03
"""Seconds by which the attention reaches a symbol after its sound has begun: the median against
the word times of Whisper base (`python -m benchmarks.timings`)."""
MAX_GAP = 0.12
"""Seconds. A shorter gap between two words is split evenly; a longer one is a pause."""
MIN_WEIGHT = 1e-4
"""Smaller attention weights count as much as this one: they are noise."""
MAX_SHIFT = 0.08
"""Seconds between a pause of the sound and the border of two words that it moves."""
AUDIBLE_DB = 40.0
"""Frames that are quieter than the loudest one by more than this are silence."""

FloatArray = NDArray[np.float64]


class Span(NamedTuple):
    """Seconds in the sound of a mel."""

    start: float
    end: float


def audible_spans(mel: Float32Array) -> list[Span]:
    """The stretches of sound between pauses, at least one. mel: [80, T], T > 0.

    The attention rests on a symbol during a silence, so it cannot tell when the sound begins
    after it.
    """
    values_per_db = 2 * MEL_FORMAT.max_abs / -MEL_FORMAT.min_level_db
    level = mel.max(axis=0)
    frames = np.flatnonzero(level >= level.max() - AUDIBLE_DB * values_per_db)
    seconds = MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate
    cuts = np.flatnonzero(np.diff(frames) > MAX_GAP / seconds) + 1
    stretches = np.split(frames, cuts)
    return [Span(float(s[0] * seconds), float((s[-1] + 1) * seconds)) for s in stretches]


def monotonic_path(attention: Float32Array) -> Int64Array:
    """[S]: the symbol that each step reads, from [S, L] weights, S and L > 0. It never decreases,
    and it advances by `MAX_ADVANCE` at most; where there are too few steps for that to reach the
    end, it does not."""
    steps, symbols = attention.shape
    evidence = np.log(np.maximum(attention, MIN_WEIGHT))
    moves = np.zeros((steps, symbols), np.int8)
    best = np.full(symbols, -np.inf)
    best[: MAX_ADVANCE + 1] = evidence[0, : MAX_ADVANCE + 1]
    padded = np.full(symbols + MAX_ADVANCE, -np.inf)
    for step in range(1, steps):
        padded[MAX_ADVANCE:] = best
        # [MAX_ADVANCE + 1, L]: row m holds the score of the symbol m before each.
        arrivals = np.stack(
            [padded[MAX_ADVANCE - m : MAX_ADVANCE - m + symbols] for m in range(MAX_ADVANCE + 1)]
        )
        moves[step] = arrivals.argmax(axis=0)
        best = arrivals.max(axis=0) + evidence[step]
    path = np.empty(steps, np.int64)
    path[-1] = best.argmax()
    for step in range(steps - 1, 0, -1):
        path[step - 1] = path[step] - moves[step, path[step]]
    return path


def word_spans(
    attention: Float32Array,
    words: Sequence[tuple[int, int]],
    seconds_per_step: float,
    audible: Sequence[Span],
) -> list[Span]:
    """The time of each word, one span a word, in their order. Starts never decrease, and no word
    ends before it starts.

    attention: [S, L]. words: [first, last) of each word's symbols, in their order. audible: as
    `audible_spans`; all words lie within them, and a pause between two words is cut out of both.
    """
    if not words:
        return []
    path = monotonic_path(attention)
    first = np.searchsorted(path, [first for first, _ in words], side="left")
    last = np.searchsorted(path, [last for _, last in words], side="left")
    starts, ends = first * seconds_per_step, last * seconds_per_step
    gaps = starts[1:] - ends[:-1]
    starts[1:] -= np.where(gaps < MAX_GAP, gaps / 2, 0)
    start, end = audible[0].start, audible[-1].end
    starts = np.clip(starts - LAG, start, end)
    ends = np.clip(ends - LAG, starts, end)
    if end - ends[-1] < MAX_GAP:
        ends[-1] = end
    for before, after in pairwise(audible):
        _cut_pause(starts, ends, before.end, after.start)
    return [Span(float(start), float(end)) for start, end in zip(starts, ends, strict=True)]


def _cut_pause(starts: FloatArray, ends: FloatArray, start: float, end: float) -> None:
    """Move the border between two words to the pause that lies at it, if there is one."""
    borders = starts[1:]
    distances = np.maximum(np.maximum(start - borders, borders - end), 0)
    if not len(borders) or distances.min() > MAX_SHIFT:
        return
    word = int(distances.argmin())
    if starts[word] < start and end < ends[word + 1]:
        ends[word], starts[word + 1] = start, end


def divided(parts: Sequence[str], span: Span) -> list[tuple[str, Span]]:
    """Each part with its share of the span, by length: "5 km" is read as one, but is two words."""
    ends = np.cumsum([len(part) for part in parts])
    edges = span.start + (span.end - span.start) * np.array([0, *ends]) / ends[-1]
    return [
        (part, Span(float(start), float(end)))
        for part, start, end in zip(parts, edges[:-1], edges[1:], strict=True)
    ]
