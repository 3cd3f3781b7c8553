"""Folding: an utterance cut into overlapping folds that the sample loop makes side by side.

RTVC folds to samples of equal stride (target 4000, overlap 400: fold i holds samples 4400 i to
4400 i + 4799, zeros past the end), crossfades before mu-law decoding, and its gains leave silence
in mid-overlap. Here, on purpose, otherwise:

- The plan is a list of rounds, each a batch of folds, so that sound leaves before all is made.
  The first round is short, and the next ones grow, so that each is made while the one before is
  heard. A round's first fold goes on from the last fold of the round before, state and all, so
  rounds meet without a seam.
- A fold warms up unheard on the mel of its surroundings. From a state of zeros in mid-speech, the
  cross-entropy of speech under the first bundled weights was 0.34 nat too high over the first 50
  samples, 0.05 over the next 50, 0.015 up to 200, 0.001 up to 300.
- Two folds of one place are uncorrelated (0.01 on average, six voices), so a fade with gains that
  sum to one lowers the level: by 1.8 to 2.6 dB on stationary mels of six voices. Equal-power gains
  would mend that, but not the jump in pitch phase. So the later fold is shifted, by 6 ms at most,
  to where both agree best: a correlation of 0.73, and 0.6 dB at most.
  `python -m benchmarks.crossfade` measures all of it.
- Folds meet as finished sound: decoded from mu-law, de-emphasised.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from vocoder_service.waveform import Wave

MAX_FOLDS = 16  # a batch: four threads of FOLDS_TOGETHER; more make no sample cheaper
FOLDS_TOGETHER = 4  # that the native loop takes from one weight to the next
FRAMES_HEARD = 12  # of a fold, at least: 150 ms
FIRST_ROUND = 96  # frames: 1.2 s
GROWTH = 4  # of a round over the one before: no gap at a real-time factor of 0.25
MAX_ROUND_FRAMES = 768  # frames: 9.6 s, 48 frames heard of each of 16 folds

OVERLAP = 3  # frames: 600 samples, of which the first 240 or more are not heard
FADE = 160  # samples: 10 ms
REACH = 100  # samples that a fold may shift either way; both ways, a period of 80 Hz


@dataclass(frozen=True)
class Round:
    """Folds of one length that are made in one batch.

    starts: first frame of each fold; neighbours overlap by `OVERLAP` frames, or one or two more.
    frames: length of each fold.
    """

    starts: tuple[int, ...]
    frames: int


def plan(frames: int) -> list[Round]:
    """Rounds that cover `frames` frames, in order; a function of nothing else."""
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
    """Gains of the later fold [FADE]; the earlier one's are 1 less these."""
    phase = (np.arange(FADE) + 0.5) / FADE
    gains: Wave = (np.sin(np.pi / 2 * phase) ** 2).astype(np.float32)
    return gains


def first_seam(waves: Wave, lag: int) -> int:
    """Where the first fold's sound begins to fade out; its length if it is alone.

    waves: [F, N]; lag: the first fold's, in samples.
    """
    folds, samples = waves.shape
    return int(samples) if folds == 1 else int(samples) - REACH - FADE + lag


def join(waves: Wave, starts: list[int], lag: int, heard: int) -> tuple[Wave, int]:
    """Join folds into one wave.

    Args:
        waves: [F, N], finished sound.
        starts: [F], the sample of the utterance at which each fold starts.
        lag: samples by which the first fold runs ahead of its place.
        heard: samples of the first fold that are not wanted again.

    Returns:
        The wave from there to the last fold's end, and the last fold's lag.
    """
    gains = fade_in()
    pieces = []
    seam = waves.shape[1] - REACH - FADE  # of a fold that is in its place, with the next one
    for (before, after), (start, next_start) in zip(pairwise(waves), pairwise(starts), strict=True):
        tail = before[seam + lag : seam + lag + FADE]
        pieces.append(before[heard : seam + lag])
        place = seam - (next_start - start)
        lag = best_lag(tail, after[place - REACH : place + REACH + FADE])
        head = after[place + lag : place + lag + FADE]
        pieces.append(tail + gains * (head - tail))
        heard = place + lag + FADE
    return np.concatenate([*pieces, waves[-1, heard:]]), lag


def best_lag(tail: Wave, surroundings: Wave) -> int:
    """The shift, -REACH to REACH, at which `surroundings` continue `tail` best.

    tail: [FADE]; surroundings: [FADE + 2 REACH]. Best by normalised correlation.
    """
    windows = sliding_window_view(surroundings, FADE)  # [2 REACH + 1, FADE]
    energies = np.einsum("ln,ln->l", windows, windows)
    silence = 1e-9  # keeps the lag of digital silence from being chance
    return int(np.argmax(windows @ tail / np.sqrt(energies + silence))) - REACH
