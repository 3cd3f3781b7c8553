"""From the network's mu-law labels to sound: companding and de-emphasis, as RTVC has them."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Labels = NDArray[np.int16]
Wave = NDArray[np.float32]


def mu_law_labels(wave: NDArray[np.floating], bits: int) -> Labels:
    """Quantise a wave in [-1, 1] to labels 0 to 2^bits - 1, of the same shape."""
    mu = 2**bits - 1
    companded = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    labels: Labels = np.floor((companded + 1) / 2 * mu + 0.5).astype(np.int16)
    return labels


def companded_levels(bits: int) -> Wave:
    """The level in [-1, 1] of each label, still companded: what the network is fed. [2^bits]"""
    levels: Wave = np.linspace(-1, 1, 2**bits).astype(np.float32)
    return levels


def mu_law_levels(bits: int) -> Wave:
    """The sample value in [-1, 1] of each label. [2^bits]"""
    mu = 2**bits - 1
    companded = np.linspace(-1, 1, 2**bits)
    levels: Wave = (np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(mu)) / mu).astype(
        np.float32
    )
    return levels


class DeEmphasis:
    """Undoes pre-emphasis, y[n] = x[n] + coefficient * y[n - 1], over a wave that comes in chunks.

    One object serves one wave: it carries the last output, so that the chunks joined equal the
    whole wave filtered at once.
    """

    def __init__(self, coefficient: float = 0.97) -> None:
        self._denominator = [1.0, -coefficient]
        self._state = np.zeros(1)

    def __call__(self, chunk: NDArray[np.floating]) -> Wave:
        """Filter the next samples [N] in double precision."""
        filtered, self._state = lfilter([1.0], self._denominator, chunk, zi=self._state)
        wave: Wave = np.asarray(filtered, dtype=np.float32)
        return wave
