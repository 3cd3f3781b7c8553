"""Discriminators of a vocoder: networks that tell real sound from generated sound.

Multi-period discriminators (J. Kong et al., HiFi-GAN, arXiv:2010.05646) see every second, third,
fifth ... sample. Multi-resolution discriminators see complex spectrograms (W. Jang et al., UnivNet,
arXiv:2106.07889; A. Défossez et al., EnCodec, arXiv:2210.13438). Both are small, and laid out for
speed on a CPU, where the obvious layout takes twice as long: time is the last axis of a period's
convolutions, frequency that of a spectrogram's, and memory is `channels_last`, with channels in
multiples of 16.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from training.recipes import DiscriminatorSizes

SLOPE = 0.1  # of the leaky ReLU below zero
MIN_PART = 1e-5  # added to real and imaginary parts, to bound the gradient of the square root
MIN_MEAN = 1e-4  # added to the mean of a layer's features


class Verdict(NamedTuple):
    """One discriminator's output for a batch."""

    score: Tensor
    """One per position; higher for real sound."""
    features: list[Tensor]
    """The output of each layer, batch first; periods are folded into the batch."""


class PeriodDiscriminator(nn.Module):
    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (1, 5), (1, 3), (0, 2)))
            for before, after in pairwise((1, *channels))
        )
        self.out = weight_norm(nn.Conv2d(channels[-1], 1, (1, 3), padding=(0, 1)))

    def forward(self, wav: Tensor) -> Verdict:
        """wav: [B, n]. The samples of each phase of the period become a row of the batch."""
        batch, samples = wav.shape
        wav = F.pad(wav, (0, -samples % self.period), mode="reflect")
        phases = wav.view(batch, -1, self.period).transpose(1, 2)  # [B, period, n / period]
        rows = phases.reshape(batch * self.period, 1, -1, 1)
        return _judge(self.convs, self.out, rows.permute(0, 3, 1, 2))  # channels_last


class SpectrogramDiscriminator(nn.Module):
    window: Tensor

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        widths = (2, channels, channels, 2 * channels)
        convs = [
            nn.Conv2d(before, after, (3, 9), (1, 2), (1, 4)) for before, after in pairwise(widths)
        ]
        convs.append(nn.Conv2d(2 * channels, 2 * channels, (3, 3), (1, 2), (1, 1)))
        self.convs = nn.ModuleList(map(weight_norm, convs))
        self.out = weight_norm(nn.Conv2d(2 * channels, 1, (3, 3), padding=(1, 1)))
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, wav: Tensor) -> Verdict:
        """wav: [B, n]. Convolves the square roots of the spectrum's real and imaginary parts."""
        hop = self.n_fft // 4
        spectrum = torch.stft(wav, self.n_fft, hop, window=self.window, return_complex=True)
        parts = torch.view_as_real(spectrum.transpose(1, 2)).permute(0, 3, 1, 2)  # [B, 2, T, F]
        parts = parts.sign() * (parts.abs() + MIN_PART).sqrt()
        return _judge(self.convs, self.out, parts)


class Discriminators(nn.Module):
    def __init__(self, sizes: DiscriminatorSizes) -> None:
        super().__init__()
        self.periods = nn.ModuleList(
            PeriodDiscriminator(period, sizes.period_channels) for period in sizes.periods
        )
        self.spectrograms = nn.ModuleList(
            SpectrogramDiscriminator(n_fft, sizes.spectrogram_channels) for n_fft in sizes.n_ffts
        )

    def forward(self, wav: Tensor) -> list[Verdict]:
        """wav: [B, n], pre-emphasised."""
        return [network(wav) for network in (*self.periods, *self.spectrograms)]


def _judge(convs: nn.ModuleList, out: nn.Module, x: Tensor) -> Verdict:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE, inplace=True)
        features.append(x)
    return Verdict(out(x), features)


def real_half(verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts on the first half of a batch, detached."""
    return [
        Verdict(_halves(score)[0].detach(), [_halves(layer)[0].detach() for layer in features])
        for score, features in verdicts
    ]


def discriminator_loss(verdicts: list[Verdict]) -> Tensor:
    """Hinge loss. The first half of the batch is real, the second generated."""
    losses = []
    for verdict in verdicts:
        real, generated = _halves(verdict.score.float())
        losses.append(F.relu(1 - real).mean() + F.relu(1 + generated).mean())
    return torch.stack(losses).mean()


def adversarial_loss(generated: list[Verdict]) -> Tensor:
    """The generator's hinge loss, which falls as its sound passes for real."""
    return -torch.stack([verdict.score.float().mean() for verdict in generated]).mean()


def feature_loss(generated: list[Verdict], real: list[Verdict]) -> Tensor:
    """Feature matching: each layer's mean difference relative to the real features, summed over the
    layers and averaged over the discriminators."""
    losses = [
        _relative_difference(*layers)
        for one, other in zip(generated, real, strict=True)
        for layers in zip(one.features, other.features, strict=True)
    ]
    return torch.stack(losses).sum() / len(generated)


def _relative_difference(generated: Tensor, real: Tensor) -> Tensor:
    """L1 distance relative to the real features. Summed in the features' own precision: that
    gradient takes a quarter of the time of one in float32 or of a mean."""
    size = real.abs().sum(dtype=torch.float32) + MIN_MEAN * real.numel()
    return (generated - real).abs().sum().float() / size


def _halves(batch: Tensor) -> tuple[Tensor, Tensor]:
    first, second = batch.chunk(2)
    return first, second
