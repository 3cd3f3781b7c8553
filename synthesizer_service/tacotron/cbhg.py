"""CBHG: convolution bank, highway network, bidirectional GRU (Wang et al. 2017, section 3.1).

Differences from the paper, shared with RTVC: batch norm follows ReLU, the bank holds one
convolution for each kernel up to the widest, and the GRU's two directions together are as wide as
the highways. Letters in shapes: B utterances, T characters or frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BatchNormConv(nn.Module):
    """Convolution over time, ReLU, batch norm. An even kernel adds one frame."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.bnorm = nn.BatchNorm1d(out_channels)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, T] -> [B, out_channels, T or T + 1]"""
        return self.normalise(self.conv(x))

    def normalise(self, convolved: Tensor) -> Tensor:
        """[B, out_channels, T] -> [B, out_channels, T]"""
        normed: Tensor = self.bnorm(F.relu(convolved) if self.relu else convolved)
        return normed


class Highway(nn.Module):
    """Highway layer (Srivastava et al. 2015): a gate mixes the layer's output with its input."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.W1 = nn.Linear(dims, dims)
        self.W2 = nn.Linear(dims, dims)

    def forward(self, x: Tensor) -> Tensor:
        """[..., dims] -> [..., dims]"""
        return torch.lerp(x, F.relu(self.W1(x)), torch.sigmoid(self.W2(x)))


class CBHG(nn.Module):
    """Features of a sequence, of as many frames."""

    def __init__(
        self, in_channels: int, channels: int, projected: int, widest_kernel: int, num_highways: int
    ) -> None:
        super().__init__()
        self.conv1d_bank = nn.ModuleList(
            BatchNormConv(in_channels, channels, kernel) for kernel in range(1, widest_kernel + 1)
        )
        self.conv_project1 = BatchNormConv(widest_kernel * channels, projected, 3)
        self.conv_project2 = BatchNormConv(projected, in_channels, 3, relu=False)
        # Registered only where the widths differ, as in RTVC's checkpoints.
        self.pre_highway = (
            nn.Linear(in_channels, channels, bias=False) if in_channels != channels else None
        )
        self.highways = nn.ModuleList(Highway(channels) for _ in range(num_highways))
        self.rnn = nn.GRU(channels, channels // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, T] -> [B, T, channels]"""
        projected = self.conv_project2(self.conv_project1.normalise(self._bank(x))) + x
        y = projected.transpose(1, 2)  # [B, T, in_channels]
        if self.pre_highway is not None:
            y = self.pre_highway(y)
        for highway in self.highways:
            y = highway(y)
        features: Tensor = self.rnn(y)[0]
        return features

    def _bank(self, x: Tensor) -> Tensor:
        """[B, in_channels, T] -> [B, projected, T]: the bank, max pooling and `conv_project1`.

        Adding up each kernel's share of the projection is faster than projecting the stacked bank
        and takes two thirds of the memory.
        """
        shares = self.conv_project1.conv.weight.chunk(len(self.conv1d_bank), dim=1)
        total = x.new_zeros(())
        for conv, weight in zip(self.conv1d_bank, shares, strict=True):
            pooled = F.max_pool1d(conv(x), kernel_size=2, stride=1, padding=1)
            total = total + F.conv1d(pooled[:, :, : x.shape[2]], weight, padding=1)
        return total
