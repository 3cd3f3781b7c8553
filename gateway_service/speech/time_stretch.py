"""Faster and slower speech of the same pitch: a mel spectrogram stretched before the vocoder."""

import numpy as np

from shared.http.tensors import Float32Array


def stretch(spec: Float32Array, speed: float) -> Float32Array:
    """[80, round(T / speed)], at least one frame, from a spec [80, T].

    Frames between two frames are interpolated linearly in decibels. A band stays where it is, and
    so the pitch.
    """
    if speed == 1:
        return spec
    frames = spec.shape[1]
    stretched = max(1, round(frames / speed))
    # Each frame stands for its middle, so that beginning and end are stretched alike.
    at = (np.arange(stretched) + 0.5) * frames / stretched - 0.5
    at = at.clip(0, frames - 1)
    before = np.minimum(at.astype(int), max(0, frames - 2))
    after = np.minimum(before + 1, frames - 1)
    share = (at - before).astype(np.float32)
    result: Float32Array = spec[:, before] * (1 - share) + spec[:, after] * share
    return result
