"""The cepstrum of a mel: the orthonormal DCT over its bands."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray


def weighted(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a mel [n, T] is multiplied by from the left, to have each coefficient of its cepstrum
    multiplied by its weight: [n, n]. weights: [n], from the lowest coefficient on."""
    dct = scipy.fft.dct(np.eye(len(weights)), axis=0, norm="ortho")
    product: NDArray[np.float64] = dct.T @ (weights[:, np.newaxis] * dct)
    return product
