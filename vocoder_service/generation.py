"""From a mel to a stream of sound: rounds of folds through an engine, joined as they come."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from vocoder_service.engine import Engine, FoldState
from vocoder_service.folding import FADE, Round, fade_in, first_seam, join, plan
from vocoder_service.waveform import Wave, de_emphasis, mu_law_levels

Array = NDArray[np.float32]

MEL_MAX = 4.0  # mels are symmetric ±4; RTVC divides them by 4 before the network
FIRST_CHUNK = 2  # frames: 25 ms; later chunks of a fold that is still being made double


def output_length(frames: int, hop_length: int) -> int:
    """Samples for a mel of so many frames: (T - 1) * hop, as RTVC; one hop for a single frame.

    The mel of a clip of n samples has 1 + n // hop frames, so the clip's own length comes back.
    """
    return max(1, frames - 1) * hop_length


def generate(
    engine: Engine,
    mel: Array,
    seed: int,
    temperature: float = 1.0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Wave]:
    """The sound of a mel, in chunks that joined are the whole, at the model's sample rate.

    Unlike RTVC, the mel is continued with silence on both sides, not with its mid-level (a click
    at the start), and the end fades out over 10 ms, not 250.

    Args:
        engine: makes the samples.
        mel: [80, T], T >= 1, in ±4.
        seed: any integer; the same mel, seed and temperature give the same samples.
        temperature: divides the logits; below 1 is smoother, above 1 rougher.
        cancelled: asked before every frame (hop samples of each of 32 folds at most); when true,
            the chunks end there.

    Returns:
        Chunks [n] in ±1, none empty, `output_length` samples together.

    Raises:
        ValueError: for a mel of another shape, or a temperature that is not above 0.
    """
    hparams = engine.hparams
    if mel.ndim != 2 or mel.shape[0] != hparams.feat_dims or not mel.shape[1]:
        raise ValueError(f"mel has shape {mel.shape}; expected ({hparams.feat_dims}, T), T >= 1")
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    total = output_length(mel.shape[1], hparams.hop_length)
    return _ended(_Utterance(engine, mel, seed, temperature, cancelled).sound(), total)


class _Utterance:
    """One mel on its way to sound."""

    def __init__(
        self,
        engine: Engine,
        mel: Array,
        seed: int,
        temperature: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self._engine, self._seed, self._cancelled = engine, seed, cancelled
        self._temperature = np.float32(temperature)
        self._frames = mel.shape[1]
        around = [(engine.hparams.pad, engine.hparams.pad), (0, 0)]
        silence = -1
        scaled = (mel.T / MEL_MAX).astype(np.float32)
        self._mel = np.pad(scaled, around, constant_values=silence)  # [T + 2 pad, 80]
        self._levels = mu_law_levels(engine.hparams.bits)

    def sound(self) -> Iterator[Wave]:
        """Somewhat more than is wanted: up to the last frame's end."""
        hop = self._engine.hparams.hop_length
        state = FoldState.at_rest(1, self._engine.hparams.rnn_dims)
        emphasis, lag, folds_before = np.zeros((1, 1)), 0, 0
        for part in plan(self._frames):
            folds = len(part.starts)
            state = state.resumed(folds)
            emphasis = np.concatenate([emphasis[-1:], np.zeros((folds - 1, 1))])
            waves = np.empty((folds, part.frames * hop), np.float32)
            heard, chunk = 0, FIRST_CHUNK * hop
            for frame, labels in enumerate(self._labels(part, state, folds_before)):
                made = slice(frame * hop, (frame + 1) * hop)
                waves[:, made], emphasis = de_emphasis(self._levels[labels], emphasis)
                ready = min(made.stop, first_seam(waves, lag))
                if ready - heard >= chunk:
                    yield waves[0, heard:ready]
                    heard, chunk = ready, 2 * chunk
            ...
