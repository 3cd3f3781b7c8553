"""Waveform processing: edge trimming, peak normalisation, pre-emphasis, pitch shift."""

import numpy as np
import soxr

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

PEAK = 0.9
"""Peak level of every clip. RTVC normalises to it before it computes mels."""
EDGE_DB = -38.0  # relative to the loudest 20 ms; quieter sound at either end is trimmed
LEVEL_WINDOW = MEL_FORMAT.sample_rate // 50  # samples, 20 ms
MARGIN_BEFORE = MEL_FORMAT.sample_rate // 40  # samples that stay, 25 ms
MARGIN_AFTER = 3 * MARGIN_BEFORE


def trim_and_normalise(wav: Float32Array) -> Float32Array:
    """Trim silent edges and scale to PEAK. wav: [n] at 16 kHz; silence becomes empty."""
    if not len(wav):
        return wav
    power = np.convolve(wav**2, np.full(LEVEL_WINDOW, 1 / LEVEL_WINDOW), "same")
    loud = np.flatnonzero(power > power.max(initial=0) * 10 ** (EDGE_DB / 10))
    if not len(loud):
        return wav[:0]
    trimmed = wav[max(0, loud[0] - MARGIN_BEFORE) : loud[-1] + MARGIN_AFTER]
    return trimmed * np.float32(PEAK / np.abs(trimmed).max())


def pre_emphasised(wav: Float32Array) -> Float32Array:
    """y[n] = x[n] - 0.97 x[n - 1], clipped to ±1: the vocoders' target. wav: [n]"""
    emphasised = wav.copy()
    emphasised[1:] -= np.float32(MEL_FORMAT.preemphasis) * wav[:-1]
    return np.clip(emphasised, -1, 1)


def random_shift(rng: np.random.Generator, low: float, high: float) -> float:
    """A frequency ratio from `low` to `high`, uniform on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def pitch_shifted(wav: Float32Array, rate: int, shift: float) -> Float32Array:
    """Multiply all frequencies, pitch and formants alike, by `shift`; speech gets faster by as
    much. [n] at `rate` -> [m] at 16 kHz"""
    return np.asarray(soxr.resample(wav, rate * shift, MEL_FORMAT.sample_rate), np.float32)
