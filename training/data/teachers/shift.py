"""Pitch and formants of a voice, moved together."""

import numpy as np
import soxr

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array


def drawn_shift(rng: np.random.Generator, low: float, high: float) -> float:
    """Up is as likely as down by as much."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def shifted(wav: Float32Array, rate: int, shift: float) -> Float32Array:
    """[n] at `rate` -> [m] at 16 kHz, all frequencies times `shift`, and as much faster."""
    return np.asarray(soxr.resample(wav, rate * shift, MEL_FORMAT.sample_rate), np.float32)
