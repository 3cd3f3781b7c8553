"""The work of one request: a mel spectrogram in, encoded sound out, chunk by chunk."""

import secrets
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from shared.audio.files import resample_stream, resampled_length
from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.http.process_memory import return_freed_memory
from shared.http.tensors import Float32Array
from shared.voices import sample_clip
from vocoder_service.response_format import ResponseFormat
from vocoder_service.schemas import SpecRequest
from vocoder_service.settings import Settings
from vocoder_service.vocos import vocoder as vocos
from vocoder_service.waveform import output_length
from vocoder_service.wavernn import vocoder as wavernn

_LARGE = 500_000  # samples: half a minute at 16 kHz, 6 MB of JSON


class Vocoder(Protocol):
    """A network that vocodes. Thread-safe."""

    def generate(self, mel: Float32Array, seed: int, temperature: float) -> Iterator[Float32Array]:
        """Sound from a mel [80, T] in ±4.

        Returns chunks [n] in ±1, `output_length` samples at 16 kHz in total. The same mel, seed
        and temperature give the same samples.
        """
        ...


def load(settings: Settings) -> Vocoder:
    """The network of the setting VOCODER. Raises CheckpointError, with the file and the remedy."""
    return_freed_memory(2**20)  # bodies and mels; a lower threshold would slow each block
    torch.set_num_threads(settings.torch_threads)
    if settings.vocoder == "vocos":
        return vocos.load(checkpoint_of(settings))
    return wavernn.load(
        checkpoint_of(settings),
        threads=settings.vocoder_threads,
        precision=settings.precision,
        passes=settings.correction_passes,
    )


def checkpoint_of(settings: Settings) -> Path:
    """The folder of the network of the setting VOCODER."""
    return settings.checkpoints_dir / ("vocos" if settings.vocoder == "vocos" else "vocoder")


def stream(
    vocoder: Vocoder, request: SpecRequest, response_format: ResponseFormat
) -> Iterator[bytes]:
    """The response's body while the samples are made. Returns once the first ones are there."""
    wav = _sound(vocoder, request)
    wav = chain([next(wav)], wav)
    return response_format.encode_stream(wav, request.sr, _samples(request))


def whole(vocoder: Vocoder, request: SpecRequest, response_format: ResponseFormat) -> bytes:
    """The response's body in one piece."""
    return response_format.encode(np.concatenate([*_sound(vocoder, request)]), request.sr)


def is_large(request: SpecRequest) -> bool:
    """True if memory holds only a few whole responses of this length at a time."""
    return _samples(request) > _LARGE


def _samples(request: SpecRequest) -> int:
    """Samples in the response."""
    made = output_length(request.spec.shape[1], MEL_FORMAT.hop_length)
    return resampled_length(made, MEL_FORMAT.sample_rate, request.sr)


def _sound(vocoder: Vocoder, request: SpecRequest) -> Iterator[Float32Array]:
    """Chunks [n] at the requested sample rate."""
    seed = secrets.randbits(63) if request.seed is None else request.seed
    wav = vocoder.generate(request.spec, seed, request.temperature)
    return resample_stream(wav, MEL_FORMAT.sample_rate, request.sr)


def example() -> dict[str, Any]:
    """A body for POST /inference/: a mel of one second of speech."""
    clip = sample_clip(seconds=1)
    resampled = np.concatenate([*resample_stream([clip.wav], clip.rate, MEL_FORMAT.sample_rate)])
    spec = [[round(value, 2) for value in band] for band in mel_spectrogram(resampled).tolist()]
    return {"spec": spec, "sr": MEL_FORMAT.sample_rate}
