"""Mu-law companding: from the network's labels to samples and back, as RTVC has it."""

import numpy as np
from numpy.typing import NDArray

from vocoder_service.waveform import Wave

Labels = NDArray[np.int16]


def mu_law_labels(wave: NDArray[np.floating], bits: int) -> Labels:
    """Quantise a wave in [-1, 1] to labels 0 to 2^bits - 1, of the same shape."""
    mu = 2**bits - 1
    companded = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    labels: Labels = np.floor((companded + 1) / 2 * mu + 0.5).astype(np.int16)
    return labels


def mu_law_levels(bits: int) -> Wave:
    """The sample value of each label, -1 to 1. [2^bits]"""
    mu = 2**bits - 1
    companded = np.linspace(-1, 1, mu + 1)
    magnitude = np.expm1(np.abs(companded) * np.log1p(mu)) / mu
    levels: Wave = np.copysign(magnitude, companded).astype(np.float32)
    return levels
