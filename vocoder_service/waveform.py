"""From the network's mu-law labels to sound: companding and de-emphasis, as RTVC has them."""

import numpy as np
from numpy.typing import NDArray

from shared.mel import MEL_FORMAT

Labels = NDArray[np.int16]
Wave = NDArray[np.float32]

PREEMPHASIS = MEL_FORMAT.preemphasis


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


def de_emphasis(
    chunk: NDArray[np.floating], state: NDArray[np.float64]
) -> tuple[Wave, NDArray[np.float64]]:
    """Undo pre-emphasis, y[n] = x[n] + 0.97 y[n - 1], in waves that come in chunks.

    Args:
        chunk: [..., N], the next samples.
        state: [..., 1], what the chunk before returned; zeros at the start.

    Returns:
        The samples [..., N], the same whatever the chunks, and the state for the next chunk.
    """
    # Sample by sample, all waves at once: scipy's lfilter would cost 77 MB and a second of imports.
    wave = np.array(chunk, np.float64)
    last = state[..., 0]
    for n in range(wave.shape[-1]):
        wave[..., n] += PREEMPHASIS * last
        last = wave[..., n]
    return wave.astype(np.float32), np.array(last)[..., np.newaxis]
