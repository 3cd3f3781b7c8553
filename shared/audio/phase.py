"""Channels of opposite phase, which would cancel one another in a mix: a microphone wired the wrong
way round, or a "wide" effect, gives left = -right."""

import numpy as np

from shared.http.tensors import Float32Array

MIN_OPPOSITION = 0.5
"""A channel is opposite if its correlation with the loudest one is below minus this."""
_MIN_POWER = 1e-10  # -100 dB of full scale


class OppositePhase:
    """Finds the channels to invert, from all of the sound so far."""

    def __init__(self) -> None:
        self._restart(0)

    def _restart(self, channels: int) -> None:
        self._samples = 0
        self._sums = np.zeros(channels)
        self._products = np.zeros((channels, channels))

    def signs(self, block: Float32Array) -> Float32Array:
        """1, or -1 for a channel to invert. block: [n, channels], the next samples of the sound.

        Returns [channels].
        """
        if block.shape[1] != len(self._sums):
            self._restart(block.shape[1])
        with np.errstate(all="ignore"):  # of values that are refused later
            self._samples += len(block)
            self._sums += block.sum(axis=0, dtype=np.float64)
            # Not a matrix product: the buffers of BLAS are larger than a decoder's memory.
            self._products += np.einsum("ni,nj->ij", block, block, dtype=np.float64)
            means = self._sums / self._samples
            covariance = self._products / self._samples - np.outer(means, means)
            powers = np.diagonal(covariance)
            loudest = int(powers.argmax())
            limits = MIN_OPPOSITION * np.sqrt(powers * powers[loudest]) + _MIN_POWER
            opposite = covariance[loudest] < -limits
        return np.where(opposite, -1, 1).astype(np.float32)


def mixed(block: Float32Array, phase: OppositePhase) -> Float32Array:
    """The mean of the channels, those of opposite phase inverted. block: [n, channels]."""
    if block.shape[1] == 1:
        return block[:, 0]
    mean: Float32Array = (block * phase.signs(block)).mean(axis=1, dtype=np.float32)
    return mean
