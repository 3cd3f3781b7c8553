"""Clips as the models hear them in training: 16 kHz, edges trimmed, one peak level."""

import numpy as np

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

PEAK = 0.9
"""RTVC scales its clips to it before it takes their mels."""
EDGE_DB = -38.0  # below the loudest 20 ms, what comes before or after is an edge
LEVEL_WINDOW = MEL_FORMAT.sample_rate // 50  # samples, 20 ms
BEFORE = MEL_FORMAT.sample_rate // 40  # samples of the edge that stay, 25 ms
AFTER = 3 * BEFORE


def tidy(wav: Float32Array) -> Float32Array:
    """Without its silent edges, at the peak level of training. wav: [n]; empty for silence."""
    if not len(wav):
        return wav
    power = np.convolve(wav**2, np.full(LEVEL_WINDOW, 1 / LEVEL_WINDOW), "same")
    heard = np.flatnonzero(power > power.max(initial=0) * 10 ** (EDGE_DB / 10))
    if not len(heard):
        return wav[:0]
    kept = wav[max(0, heard[0] - BEFORE) : heard[-1] + AFTER]
    return kept * np.float32(PEAK / np.abs(kept).max())


def pre_emphasised(wav: Float32Array) -> Float32Array:
    """What the vocoder learns to make: y[n] = x[n] - 0.97 x[n - 1], in ±1. wav: [n]"""
    emphasised = wav.copy()
    emphasised[1:] -= np.float32(MEL_FORMAT.preemphasis) * wav[:-1]
    return np.clip(emphasised, -1, 1)
