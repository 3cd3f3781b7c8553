"""Folding: an utterance cut into overlapping folds that the sample loop generates side by side.

RTVC cuts folds of equal stride in samples (target 4000, overlap 400: fold i holds samples 4400 i to
4400 i + 4799, zeros past the end). It crossfades before mu-law decoding, and its gains leave
silence in mid-overlap. Differences, on purpose:

- The plan is a list of rounds, each a batch of folds, so that sound is sent before all is made. The
  first round is short and later ones grow: each is made while the one before is played. A round's
  first fold continues the last fold of the round before, with its state, so rounds need no
  crossfade.
- A fold warms up on the mel before its place, and this part is discarded. From a state of zeros in
  mid-speech, the cross-entropy of speech under the first bundled weights was 0.34 nat too high over
  the first 50 samples, 0.05 over the next 50, 0.015 up to 200, 0.001 up to 300.
- Two folds at the same place are uncorrelated (0.01 on average, six voices), so a fade with gains
  that sum to one lowers the level: by 1.8 to 2.6 dB on stationary mels of six voices. Equal-power
  gains would keep the level but not the phase of the pitch. So the later fold is shifted, by 6 ms
  at most, to the best match: a correlation of 0.73, and a loss of 0.6 dB at most.
  `python -m benchmarks.crossfade` measures these numbers.
- Folds are crossfaded as finished sound: decoded from mu-law and de-emphasised.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from vocoder_service.waveform import Wave

MAX_FOLDS = 16  # per batch: four threads of FOLDS_TOGETHER; more are no faster per sample
FOLDS_TOGETHER = 4  # folds that the native loop multiplies with each loaded weight
FRAMES_HEARD = 12  # of a fold, at least; 150 ms
FIRST_ROUND = 96  # frames: 1.2 s
GROWTH = 4  # of each round over the one before; gapless at a real-time factor of 0.25
MAX_ROUND_FRAMES = 768  # frames: 9.6 s, 48 frames heard of each of 16 folds

OVERLAP = 3  # frames: 600 samples; the first 240 or more are discarded
FADE = 160  # samples: 10 ms
REACH = 100  # samples of shift in each direction; in all, one period of 80 Hz


@dataclass(frozen=True)
class Round:
    """Folds of equal length, generated in one batch.

    starts: first frame of each fold; neighbours overlap by `OVERLAP` frames, or one or two more.
    frames: length of each fold.
    """

    starts: tuple[int, ...]
    frames: int


def plan(frames: int) -> list[Round]:
    """Rounds that cover `frames` frames, in order. They depend on nothing else."""
    if frames < 2 * FIRST_ROUND:
        return [_round(0, frames)]
    left, most = frames - FIRST_ROUND, [FIRST_ROUND]
    while sum(most[1:]) < left:
        most.append(min(MAX_ROUND_FRAMES, GROWTH * most[-1]))
    shares = np.cumsum(most[1:]) / sum(most[1:])
    bounds = [0, FIRST_ROUND, *(FIRST_ROUND + left * shares).round().astype(int).tolist()]
    return [_round(start, stop) for start, stop in pairwise(bounds)]


def _round(start: int, stop: int) -> Round:
    covered = stop - start
    folds = min(MAX_FOLDS, max(1, covered // FRAMES_HEARD))
    if folds > FOLDS_TOGETHER:
        folds -= folds % FOLDS_TOGETHER
    frames = -(-(covered + (folds - 1) * OVERLAP) // folds)
    starts = np.linspace(start, stop - frames, folds).astype(int).tolist()
    return Round(tuple(starts), frames)


def fade_in() -> Wave:
    """Gains of the later fold [FADE]; those of the earlier one are 1 - gains."""
    phase = (np.arange(FADE) + 0.5) / FADE
    gains: Wave = (np.sin(np.pi / 2 * phase) ** 2).astype(np.float32)
    return gains


def first_crossfade(waves: Wave, lag: int) -> int:
    """The sample at which the first fold starts to fade out; its length if it is alone.

    waves: [F, N]; lag: of the first fold, in samples.
    """
    folds, samples = waves.shape
    return int(samples) if folds == 1 else int(samples) - REACH - FADE + lag


def join(waves: Wave, starts: list[int], lag: int, heard: int) -> tuple[Wave, int]:
    """Join folds into one wave.

    Args:
        waves: [F, N], finished sound.
        starts: [F], the sample of the utterance at which each fold starts.
        lag: samples by which the first fold is ahead of its place.
        heard: samples of the first fold that were returned before.

    Returns:
        The wave from there to the last fold's end, and the last fold's lag.
    """
    gains = fade_in()
    pieces = []
    overlap = waves.shape[1] - REACH - FADE  # with the next fold, at a lag of zero
    for (before, after), (start, next_start) in zip(pairwise(waves), pairwise(starts), strict=True):
        tail = before[overlap + lag : overlap + lag + FADE]
        pieces.append(before[heard : overlap + lag])
        place = overlap - (next_start - start)
        lag = best_lag(tail, after[place - REACH : place + REACH + FADE])
        head = after[place + lag : place + lag + FADE]
        pieces.append(tail + gains * (head - tail))
        heard = place + lag + FADE
    return np.concatenate([*pieces, waves[-1, heard:]]), lag


def best_lag(tail: Wave, surroundings: Wave) -> int:
    """The shift, -REACH to REACH, with the highest normalised correlation.

    tail: [FADE], the end of the earlier fold; surroundings: [FADE + 2 REACH], of the later one.
    """
    windows = sliding_window_view(surroundings, FADE)  # [2 REACH + 1, FADE]
    energies = np.einsum("ln,ln->l", windows, windows)
    silence = 1e-9  # makes the lag of digital silence well defined
    return int(np.argmax(windows @ tail / np.sqrt(energies + silence))) - REACH
