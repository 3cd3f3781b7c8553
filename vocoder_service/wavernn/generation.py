"""Streaming inference with WaveRNN: rounds of folds through an engine, joined to one wave."""

import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from vocoder_service.waveform import MEL_MAX, Wave, de_emphasis, finished, output_length
from vocoder_service.wavernn.correction import corrected
from vocoder_service.wavernn.engine import Engine, FoldState
from vocoder_service.wavernn.folding import Round, first_crossfade, join, plan
from vocoder_service.wavernn.mu_law import Labels, mu_law_levels

Array = NDArray[np.float32]
T = TypeVar("T")

FIRST_CHUNK = 2  # frames, 25 ms: sent while its fold is being generated
HELD_BACK = 10  # frames within the correction's delay; later chunks double in size


def generate(
    engine: Engine,
    mel: Array,
    seed: int,
    temperature: float = 1.0,
    passes: int = 0,
) -> Iterator[Wave]:
    """Sound from a mel at the model's sample rate, in consecutive chunks.

    Unlike in RTVC, the mel is padded with silence, not with its mid-level (which clicks at the
    start), and the end fades out over 10 ms, not 250.

    Args:
        engine: the sample loop.
        mel: [80, T], T >= 1, in ±4.
        seed: any integer; the same mel, seed and temperature give the same samples.
        temperature: divides the logits; below 1 is smoother, above 1 rougher.
        passes: of the spectral correction; 0 turns it off.

    Returns:
        Chunks [n] in ±1, none empty, `output_length` samples in total.

    Raises:
        ValueError: the mel has another shape, or the temperature is not above 0.
    """
    hparams = engine.hparams
    if mel.ndim != 2 or mel.shape[0] != hparams.feat_dims or not mel.shape[1]:
        raise ValueError(f"mel has shape {mel.shape}; expected ({hparams.feat_dims}, T), T >= 1")
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    total = output_length(mel.shape[1], hparams.hop_length)
    rounds = _Rounds(engine, mel, seed, temperature)
    return finished(corrected(rounds.sound(), mel, passes), total)


class _Rounds:
    """The rounds of one utterance, and the state that each leaves to the next."""

    def __init__(self, engine: Engine, mel: Array, seed: int, temperature: float) -> None:
        hparams = engine.hparams
        self._engine, self._seed, self._temperature = engine, seed, temperature
        self._hop, self._pad = hparams.hop_length, hparams.pad
        self._plan = plan(mel.shape[1])
        silence = -1
        padding = [(self._pad, self._pad), (0, 0)]
        self._mel = np.pad(mel.T.astype(np.float32) / MEL_MAX, padding, constant_values=silence)
        self._levels = mu_law_levels(hparams.bits)
        self._state = FoldState.at_rest(1, hparams.rnn_dims)
        self._emphasis = np.zeros((1, 1))
        self._lag = 0
        self._folds_begun = 0

    def sound(self) -> Iterator[Wave]:
        """Chunks up to the end of the last frame."""
        for part in self._plan:
            waves = np.empty((len(part.starts), part.frames * self._hop), np.float32)
            heard, chunk = 0, FIRST_CHUNK * self._hop
            for made in self._make(part, waves):
                ready = min(made, first_crossfade(waves, self._lag))
                if ready - heard >= chunk:
                    yield waves[0, heard:ready]
                    heard = ready
                    chunk *= 2 if heard >= HELD_BACK * self._hop else 1
            starts = [frame * self._hop for frame in part.starts]
            wave, self._lag = join(waves, starts, self._lag, heard)
            yield wave

    def _make(self, part: Round, waves: Wave) -> Iterator[int]:
        """Fill waves [F, N] frame by frame; yields the samples of each fold that are done."""
        folds, hop = len(part.starts), self._hop
        self._state = self._state.resumed(folds)
        self._emphasis = np.concatenate([self._emphasis[-1:], np.zeros((folds - 1, 1))])
        for frame, labels in enumerate(_one_ahead(self._frames(part))):
            now = slice(frame * hop, (frame + 1) * hop)
            levels = self._levels[labels()]
            waves[:, now], self._emphasis = de_emphasis(levels, self._emphasis)
            yield now.stop

    def _frames(self, part: Round) -> Iterator[Callable[[], Labels]]:
        """Start each frame of all folds; yields functions that wait for its labels."""
        starts, stop = np.array(part.starts), part.starts[-1] + part.frames + 2 * self._pad
        context = np.arange(2 * self._pad + 1)
        aux = self._engine.aux_features(self._mel[starts[0] : stop])
        draws = self._draws(len(starts))
        temperature = np.full(len(starts), self._temperature, np.float32)
        for frame in range(part.frames):
            yield self._engine.begin(
                self._state,
                self._mel[starts[:, np.newaxis] + frame + context],
                aux[starts - starts[0] + frame, np.newaxis],
                np.stack([draw.random(self._hop, dtype=np.float32) for draw in draws]),
                temperature,
            )

    def _draws(self, folds: int) -> list[Generator]:
        """A random generator per fold, from the seed and the fold's number in the utterance."""
        numbers = range(self._folds_begun, self._folds_begun + folds)
        self._folds_begun += folds
        return [Generator(Philox(key=[self._seed % 2**64, number])) for number in numbers]


def _one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each after the next one was started, so that the engine always has work."""
    before = next(items)
    for item in items:
        yield before
        before = item
    yield before
