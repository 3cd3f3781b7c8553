"""Recorded speech as input of the vocoder's network: a mel, and samples as mu-law labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.audio.files import read_sound, resample_stream
from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from shared.voices import SAMPLES
from vocoder_service.waveform import MEL_MAX
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels, mu_law_labels

PEAK = 0.9  # as in training
START = 1  # second of each clip at which all of them speak
HOP, PAD, CLASSES = Hparams.hop_length, Hparams.pad, 1 << Hparams.bits


@dataclass(frozen=True)
class SpeechClip:
    """mel: [T + 2 pad, 80] in ±1, with silence around it; labels: [T * hop]."""

    name: str
    mel: Float32Array
    labels: Labels

    @property
    def fed(self) -> Float32Array:
        """[T * hop]: the network's input before each sample, companded."""
        companded = self.labels * np.float32(2 / (CLASSES - 1)) - 1
        return np.concatenate([[0], companded[:-1]]).astype(np.float32)


def shipped_clips() -> list[Path]:
    return sorted(SAMPLES.glob("*.wav"))


def read_clips(paths: Sequence[Path], seconds: float) -> list[SpeechClip]:
    """Read `seconds` of each file, from `START`."""
    return [_read_clip(path, seconds) for path in paths]


def bundled_vocoder() -> WaveRNN:
    return load_model(
        REPOSITORY / "checkpoints" / "vocoder",
        lambda architecture: WaveRNN(hparams_from(Hparams, architecture)),
        has_mel_format=True,
    )


def cross_entropy(logits: Tensor, labels: Labels) -> NDArray[np.float64]:
    """Nats per sample. logits: [..., N, classes]; labels: [..., N]."""
    log_p = torch.log_softmax(logits.double(), dim=-1)
    chosen = torch.from_numpy(labels.astype(np.int64)).unsqueeze(-1)
    nats: NDArray[np.float64] = -log_p.gather(-1, chosen).squeeze(-1).numpy()
    return nats


def _read_clip(path: Path, seconds: float) -> SpeechClip:
    clip = read_sound(path.read_bytes(), max_seconds=60)
    wav = np.concatenate([*resample_stream([clip.wav], clip.rate, MEL_FORMAT.sample_rate)])
    wav = wav[START * MEL_FORMAT.sample_rate :][: int(seconds * MEL_FORMAT.sample_rate)]
    wav = wav[: len(wav) // HOP * HOP].copy()
    wav *= PEAK / np.abs(wav).max()
    mel = mel_spectrogram(wav)[:, : len(wav) // HOP].T / MEL_MAX
    emphasised = wav - MEL_FORMAT.preemphasis * np.concatenate([[0], wav[:-1]])
    return SpeechClip(
        path.stem,
        np.pad(mel, [(PAD, PAD), (0, 0)], constant_values=-1),
        mu_law_labels(np.clip(emphasised, -1, 1), Hparams.bits),
    )
