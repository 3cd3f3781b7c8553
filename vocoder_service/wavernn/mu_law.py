"""Mu-law companding between samples and the network's labels, as in RTVC.

The law is that of ITU-T G.711 with mu = 2^bits - 1, rounded to 2^bits labels.
"""

import numpy as np
from numpy.typing import NDArray

from vocoder_service.waveform import Wave

Labels = NDArray[np.int16]


def mu_law_labels(wave: NDArray[np.floating], bits: int) -> Labels:
    """Quantise a wave.

    Args:
        wave: samples of any shape, in [-1, 1].
        bits: of a label.

    Returns:
        Labels 0 to 2^bits - 1, of the shape of `wave`.
    """
    mu = 2**bits - 1
    companded = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    labels: Labels = np.floor((companded + 1) / 2 * mu + 0.5).astype(np.int16)
    return labels


def mu_law_levels(bits: int) -> Wave:
    """The sample value of each label: [2^bits], rising from -1 to 1."""
    mu = 2**bits - 1
    companded = np.linspace(-1, 1, mu + 1)
    magnitude = np.expm1(np.abs(companded) * np.log1p(mu)) / mu
    levels: Wave = np.copysign(magnitude, companded).astype(np.float32)
    return levels
