"""Multi-resolution spectral loss (R. Yamamoto et al., Parallel WaveGAN, arXiv:1910.11480).

Four resolutions catch smeared onsets as well as smeared harmonics. Phases are ignored.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.linalg import vector_norm

from shared.audio.mel import MEL_FORMAT, mel_filterbank

RESOLUTIONS = ((256, 40), (512, 80), (1024, 128), (2048, 160))  # n_fft in samples, mel bands
CONVERGENCE_WEIGHT = 0.3  # relative to the log mel loss
MIN_AMPLITUDE = 1e-4  # of a mel band
MIN_NORM = 0.5  # added to a window's norm, so that errors in silence count little


class SpectralLoss(nn.Module):
    """L1 of the log mel plus weighted spectral convergence, averaged over the resolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.resolutions = nn.ModuleList(_Resolution(*sizes) for sizes in RESOLUTIONS)

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """generated, real: [B, n], pre-emphasised. Returns a scalar."""
        losses = [resolution(generated, real) for resolution in self.resolutions]
        return torch.stack(losses).mean()


class _Resolution(nn.Module):
    window: Tensor
    bank: Tensor

    def __init__(self, n_fft: int, bands: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        rate = MEL_FORMAT.sample_rate
        bank = mel_filterbank(rate, n_fft, bands, fmin=0, fmax=rate / 2)
        self.register_buffer("bank", torch.from_numpy(bank))
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        spectrum, target = self._magnitudes(generated), self._magnitudes(real)
        mel = F.l1_loss(self._log_mel(spectrum), self._log_mel(target))
        error = vector_norm(spectrum - target, dim=(1, 2))
        convergence = error / (vector_norm(target, dim=(1, 2)) + MIN_NORM)
        loss: Tensor = mel + CONVERGENCE_WEIGHT * convergence.mean()
        return loss

    def _magnitudes(self, wav: Tensor) -> Tensor:
        """[B, n] -> [B, n_fft / 2 + 1, frames]"""
        hop = self.n_fft // 4
        spectrum = torch.stft(wav, self.n_fft, hop, window=self.window, return_complex=True)
        return spectrum.abs()

    def _log_mel(self, magnitudes: Tensor) -> Tensor:
        bands: Tensor = self.bank @ magnitudes
        return bands.clamp(min=MIN_AMPLITUDE).log()
