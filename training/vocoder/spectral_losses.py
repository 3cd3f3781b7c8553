"""The distance of made sound from the recording, by magnitude spectra alone.

At four resolutions, so that neither a smeared onset nor a smeared harmonic goes unnoticed
(R. Yamamoto et al., Parallel WaveGAN, arXiv:1910.11480).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.linalg import vector_norm

from shared.audio.mel import MEL_FORMAT, mel_filterbank

RESOLUTIONS = ((256, 40), (512, 80), (1024, 128), (2048, 160))  # n_fft in samples, mel bands
CONVERGENCE = 0.3  # weight of the spectral convergence beside the log mel's
FLOOR = 1e-4  # of a mel band's amplitude
MIN_NORM = 0.5  # of a window's spectrogram: errors in silence count no more than in a whisper


class SpectralLoss(nn.Module):
    """Mean absolute error of the log mel, plus the spectral convergence, over the resolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.resolutions = nn.ModuleList(_Resolution(*sizes) for sizes in RESOLUTIONS)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """made, real: [B, n], pre-emphasised. Returns a scalar."""
        losses = [resolution(made, real) for resolution in self.resolutions]
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

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        made_spectrum, real_spectrum = self._magnitudes(made), self._magnitudes(real)
        mel = F.l1_loss(self._log_mel(made_spectrum), self._log_mel(real_spectrum))
        error = vector_norm(made_spectrum - real_spectrum, dim=(1, 2))
        convergence = error / (vector_norm(real_spectrum, dim=(1, 2)) + MIN_NORM)
        loss: Tensor = mel + CONVERGENCE * convergence.mean()
        return loss

    def _magnitudes(self, wav: Tensor) -> Tensor:
        """[B, n] -> [B, n_fft / 2 + 1, frames]"""
        hop = self.n_fft // 4
        spectrum = torch.stft(wav, self.n_fft, hop, window=self.window, return_complex=True)
        return spectrum.abs()

    def _log_mel(self, magnitudes: Tensor) -> Tensor:
        bands: Tensor = self.bank @ magnitudes
        return bands.clamp(min=FLOOR).log()
