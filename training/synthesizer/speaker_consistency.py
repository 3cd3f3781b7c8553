"""Speaker-consistency loss: speech should have the voice of the embedding that it was given.

E. Casanova et al., "YourTTS: Towards Zero-Shot Multi-Speaker TTS and Zero-Shot Voice Conversion for
everyone", arXiv:2112.02418, section 2.1. A frozen Vocos turns a part of the mel into sound, and
the frozen encoder embeds it. There the mel is teacher-forced, here it is free-running.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoder_service.preprocess import TARGET_DBFS
from shared.audio.mel import MEL_FORMAT, mel_filterbank
from training.data.features import load_encoder
from training.runtime import half_precision
from training.synthesizer.batches import FRAMES_BEFORE, SILENCE
from training.weights import require_finite
from vocoder_service.vocos.vocoder import load_network

MARGIN = 4  # frames after the part that the encoder hears, as context for the vocoder


class SpeakerConsistency(nn.Module):
    bank: Tensor
    window: Tensor

    def __init__(self, checkpoints: Path) -> None:
        """checkpoints: folder with `encoder` and `vocos`.

        Raises CheckpointError; TrainingError for weights that are not finite.
        """
        super().__init__()
        self.vocos = load_network(checkpoints / "vocos").requires_grad_(False)
        self.encoder = load_encoder(checkpoints).requires_grad_(False)
        require_finite(self.vocos.state_dict(), checkpoints / "vocos")
        require_finite(self.encoder.state_dict(), checkpoints / "encoder")
        self.encoder.train()  # cuDNN computes an LSTM's gradient only in training mode
        hparams = self.encoder.hparams
        rate, n_fft = hparams.sampling_rate, hparams.samples_per_window
        bank = mel_filterbank(rate, n_fft, hparams.mel_n_channels, fmin=0.0, fmax=rate / 2)
        self.register_buffer("bank", torch.from_numpy(bank))
        self.register_buffer("window", torch.hann_window(n_fft))
        self._samples = hparams.partials_n_frames * hparams.samples_per_frame

    def forward(self, mel: Tensor, weight: Tensor, embeds: Tensor) -> Tensor:
        """1 minus the mean cosine of the parts' embeddings with `embeds`.

        mel: [B, 80, T] in ±4; weight: [B, T], 1 within an utterance; embeds: [B, 256], unit length.
        The place of each part is drawn from torch's generator.
        """
        part = self._parts(mel, weight).clamp(SILENCE, -SILENCE) / MEL_FORMAT.max_abs
        with half_precision(mel.device):
            wav = self.vocos(part)
        return 1 - (self.embed(_de_emphasised(wav.float())) * embeds).sum(dim=1).mean()

    def embed(self, wav: Tensor) -> Tensor:
        """Embeddings of the first 1.6 s, raised to -30 dBFS as the encoder service does.

        Silences are not cut.

        wav: [B, n] in ±1. Returns [B, 256], unit length.
        """
        wav = wav[:, : self._samples]
        level = wav.square().mean(dim=1, keepdim=True).clamp(min=1e-10).sqrt()
        wav = wav * (10 ** (TARGET_DBFS / 20) / level).clamp(min=1)
        hop, n_fft = self.encoder.hparams.samples_per_frame, len(self.window)
        spectrum = torch.stft(
            wav, n_fft, hop, n_fft, self.window, pad_mode="constant", return_complex=True
        )
        mel = (self.bank @ spectrum.abs().square()).transpose(1, 2)
        embeds: Tensor = self.encoder(mel[:, : self.encoder.hparams.partials_n_frames])
        return embeds

    def _parts(self, mel: Tensor, weight: Tensor) -> Tensor:
        """1.6 s of each utterance from a random place within the speech, padded with silence."""
        frames = self._samples // MEL_FORMAT.hop_length + MARGIN
        parts = []
        for row, length in zip(mel, weight.sum(dim=1).long().tolist(), strict=True):
            last = max(FRAMES_BEFORE, length - frames)
            start = int(torch.randint(FRAMES_BEFORE, last + 1, (1,)))
            part = row[:, start : min(start + frames, length)]
            parts.append(F.pad(part, (0, frames - part.shape[1]), value=SILENCE))
        return torch.stack(parts)


def _de_emphasised(wav: Tensor) -> Tensor:
    """Undo pre-emphasis, y[n] = x[n] + 0.97 y[n - 1], as a product of spectra. [B, n] -> [B, n]"""
    samples = wav.shape[1]
    n_fft = samples + MEL_FORMAT.n_fft  # 0.97 ** 800 is 3e-11: nothing wraps around
    angle = torch.arange(n_fft // 2 + 1, device=wav.device) * (2 * torch.pi / n_fft)
    delay = torch.polar(torch.full_like(angle, MEL_FORMAT.preemphasis), -angle)
    de_emphasised: Tensor = torch.fft.irfft(torch.fft.rfft(wav, n_fft) / (1 - delay), n_fft)
    return de_emphasised[:, :samples]
