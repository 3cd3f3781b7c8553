"""Vocos: magnitudes and phases of each frame's spectrum, predicted from the mel around it.

H. Siuzdak 2023, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders for
high-quality audio synthesis" (arXiv:2306.00814); the blocks are those of Z. Liu et al. 2022, "A
ConvNet for the 2020s" (arXiv:2201.03545). Layers are named as in the author's code.

Differences from the paper:

- 256 channels of 768 within a block (the paper: 512 and 1,536), and an FFT of four hops: 3.5
  million parameters for 16 kHz.
- The output is pre-emphasised, as the mel is, so that the loss weighs all frequencies about
  equally. `vocoder_service.vocos.vocoder` removes the pre-emphasis.
- GELU is the tanh approximation.
- The log magnitude is limited to 5 (the paper: log 100).

Shapes: B batch, T frames, C channels, F = n_fft / 2 + 1 bins. The mel is in [-1, 1] (RTVC's ±4
divided by 4). Layers take frames first [B, T, C].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vocoder_service.vocos.hparams import Hparams

MAX_LOG_MAGNITUDE = 5.0
INITIAL_STD = 0.02  # of weights


class Embedding(nn.Module):
    """A convolution from mel bands to channels. [B, T + kernel_size - 1, 80] -> [B, T, C]"""

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.conv = nn.Conv1d(hparams.n_mels, hparams.dims, hparams.kernel_size)
        self.norm = nn.LayerNorm(hparams.dims)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv(mel.transpose(1, 2)).transpose(1, 2)  # [B, T, C]
        out: Tensor = self.norm(x)
        return out


class ConvNeXtBlock(nn.Module):
    """A depthwise and two pointwise convolutions with a skip connection.

    [B, T + kernel_size - 1, C] -> [B, T, C]
    """

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        dims = hparams.dims
        self.context = hparams.context
        self.dwconv = nn.Conv1d(dims, dims, hparams.kernel_size, groups=dims)
        self.norm = nn.LayerNorm(dims)
        self.pwconv1 = nn.Linear(dims, hparams.hidden_dims)
        self.pwconv2 = nn.Linear(hparams.hidden_dims, dims)
        self.gamma = nn.Parameter(torch.full((dims,), 1 / hparams.blocks))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x.transpose(1, 2)).transpose(1, 2)  # [B, T, C]
        y = F.gelu(self.pwconv1(self.norm(y)), approximate="tanh")
        out: Tensor = x[:, self.context : -self.context] + self.gamma * self.pwconv2(y)
        return out


class Vocos(nn.Module):
    """An embedding, ConvNeXt blocks, and a head that predicts the spectrum for an inverse STFT."""

    window: Tensor

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.hparams = hparams
        self.step = nn.Parameter(torch.zeros(1, dtype=torch.long), requires_grad=False)
        self.embed = Embedding(hparams)
        self.blocks = nn.ModuleList(ConvNeXtBlock(hparams) for _ in range(hparams.blocks))
        self.final_norm = nn.LayerNorm(hparams.dims)
        self.out = nn.Linear(hparams.dims, hparams.n_fft + 2)
        self.register_buffer("window", torch.hann_window(hparams.n_fft), persistent=False)
        self.apply(_initialise)

    @property
    def layers(self) -> list[nn.Module]:
        """The layers with context around a frame, in order."""
        return [self.embed, *self.blocks]

    def forward(self, mel: Tensor) -> Tensor:
        """The whole wave at once, each layer zero-padded on both sides.

        Args:
            mel: [B, 80, T] in [-1, 1], T > 1.

        Returns:
            The pre-emphasised wave [B, (T - 1) * hop]; sample t * hop is the centre of frame t.
        """
        context = self.hparams.context
        x = mel.transpose(1, 2)  # [B, T, 80]
        for layer in self.layers:
            x = layer(F.pad(x, (0, 0, context, context)))
        spectrum = self.spectrum(x).transpose(1, 2)  # [B, F, T]
        n_fft, hop = self.hparams.n_fft, self.hparams.hop_length
        return torch.istft(spectrum, n_fft, hop, n_fft, self.window)

    def spectrum(self, x: Tensor) -> Tensor:
        """Short-time spectra, in float32 at any precision. [B, T, C] -> complex [B, T, F]"""
        log_magnitude, phase = self.out(self.final_norm(x)).float().chunk(2, dim=-1)
        magnitude = torch.exp(log_magnitude.clamp(max=MAX_LOG_MAGNITUDE))
        return torch.polar(magnitude, phase)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.normal_(module.weight, std=INITIAL_STD)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
