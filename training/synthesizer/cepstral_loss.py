"""The mel loss: L1 + L2 of the error, weighted in its cepstrum (the orthonormal DCT over bands)."""

from collections.abc import Sequence

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class CepstralLoss(nn.Module):
    matrix: Tensor

    def __init__(self, lifter: Sequence[tuple[int, float]]) -> None:
        """lifter: as in `liftering`."""
        super().__init__()
        self.register_buffer("matrix", liftering(lifter))

    def forward(self, mel: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """mel, target: [B, n, T]. weight: [B, T], 0 in padding. Returns the mean over frames."""
        error = torch.matmul(self.matrix, mel - target)
        per_frame = (error.square() + error.abs()).mean(dim=1)  # [B, T]
        loss: Tensor = (per_frame * weight).sum() / weight.sum()
        return loss


def liftering(lifter: Sequence[tuple[int, float]]) -> Tensor:
    """The matrix [n, n] that weights an error [n, T] from the left.

    The sum of squares of the product is that of the error's cepstrum, with each square weighted as
    in `lifter`: (count, weight) from the lowest coefficient, with counts that sum to n.
    """
    counts, weights = zip(*lifter, strict=True)
    return torch.from_numpy(cepstral_scaling(np.sqrt(np.repeat(weights, counts)))).float()


def cepstral_scaling(scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix [n, n] that scales a mel's cepstral coefficients. scales: [n], lowest first."""
    dct = scipy.fft.dct(np.eye(len(scales)), axis=0, norm="ortho")
    matrix: NDArray[np.float64] = dct.T @ (scales[:, np.newaxis] * dct)
    return matrix
