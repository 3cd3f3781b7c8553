"""Discriminators of the vocoder: networks that tell recorded sound from the sound it makes.

Multi-period discriminators (J. Kong et al., HiFi-GAN, arXiv:2010.05646) see every second, third,
fifth ... sample; multi-resolution discriminators of complex spectrograms (W. Jang et al., UnivNet,
arXiv:2106.07889; A. Défossez et al., EnCodec, arXiv:2210.13438) see all of them. Both are made
small. They are laid out for speed on a CPU, where the obvious layout takes twice as long: time is
the last axis of a period's convolutions, frequency that of a spectrogram's, and the channels lie
next to each other in memory (`channels_last`), in multiples of 16.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from training.recipes import DiscriminatorSizes

SLOPE = 0.1  # of the leaky ReLU below zero
MIN_PART = 1e-5  # of a complex number, below which its square root is not steeper
MIN_MEAN = 1e-4  # of a layer's features


class Verdict(NamedTuple):
    """One discriminator's judgement of a batch."""

    score: Tensor
    """The higher, the more like a recording; one for each place that it looks at."""
    features: list[Tensor]
    """The output of each layer; the batch is the first axis, with periods in it."""


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
        """wav: [B, n]. Its samples of each phase of the period are a row of the batch."""
        batch, samples = wav.shape
        wav = F.pad(wav, (0, -samples % self.period), mode="reflect")
        phases = wav.view(batch, -1, self.period).transpose(1, 2)  # [B, period, n / period]
        rows = phases.reshape(batch * self.period, 1, -1, 1)
        return _judge(self.convs, self.out, rows.permute(0, 3, 1, 2))  # its channel last in memory


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
        """wav: [B, n]. Sees the square roots of its spectrogram's real and imaginary parts."""
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
        return [judge(wav) for judge in (*self.periods, *self.spectrograms)]


def _judge(convs: nn.ModuleList, out: nn.Module, x: Tensor) -> Verdict:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE, inplace=True)
        features.append(x)
    return Verdict(out(x), features)


def real_half(verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts on the first half of a batch, without their gradient."""
    return [
        Verdict(_halves(score)[0].detach(), [_halves(layer)[0].detach() for layer in features])
        for score, features in verdicts
    ]


def discriminator_loss(verdicts: list[Verdict]) -> Tensor:
    """The hinge loss. The first half of the batch was recorded, the second one made."""
    losses = []
    for verdict in verdicts:
        real, made = _halves(verdict.score.float())
        losses.append(F.relu(1 - real).mean() + F.relu(1 + made).mean())
    return torch.stack(losses).mean()


def adversarial_loss(made: list[Verdict]) -> Tensor:
    """Falls as what was made is taken for a recording."""
    return -torch.stack([verdict.score.float().mean() for verdict in made]).mean()


def feature_loss(made: list[Verdict], real: list[Verdict]) -> Tensor:
    """The mean difference of each layer's features, beside the real ones' size, summed over the
    layers of a discriminator."""
    losses = [
        _relative_difference(*layers)
        for one, other in zip(made, real, strict=True)
        for layers in zip(one.features, other.features, strict=True)
    ]
    return torch.stack(losses).sum() / len(made)


def _relative_difference(made: Tensor, real: Tensor) -> Tensor:
    """The difference of the means. Sums are in the features' own precision: their gradient is a
    sign, and takes a quarter of the time of one of float32 or of a mean."""
    size = real.abs().sum(dtype=torch.float32) + MIN_MEAN * real.numel()
    return (made - real).abs().sum().float() / size


def _halves(batch: Tensor) -> tuple[Tensor, Tensor]:
    first, second = batch.chunk(2)
    return first, second
