"""Request-sized work of the vocoder: a mel spectrogram in, sound out, chunk by chunk."""

import secrets
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch

from shared.audio import resample_stream, resampled_length
from shared.hparams import hparams_from
from shared.loading import load_model
from shared.mel import MEL_FORMAT, mel_spectrogram
from shared.samples import sample_clip
from shared.tensors import Float32Array
from vocoder_service.answer import AnswerFormat
from vocoder_service.batching import SharedEngine
from vocoder_service.engine import Engine
from vocoder_service.generation import generate, output_length
from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN
from vocoder_service.native_engine import engine_for
from vocoder_service.schemas import SpecRequest
from vocoder_service.settings import Settings


def load(settings: Settings) -> Engine:
    """Raises CheckpointError, which names the file and the remedy."""
    torch.set_num_threads(settings.torch_threads)
    model = load_model(
        settings.checkpoints_dir / "vocoder",
        lambda architecture: WaveRNN(hparams_from(Hparams, architecture)),
        has_mel_format=True,
    )
    return SharedEngine(engine_for(model, settings.vocoder_threads, settings.precision))


def stream(
    engine: Engine, request: SpecRequest, answer: AnswerFormat, passes: int
) -> Iterator[bytes]:
    """The answer's bytes, while the samples are made. Returns when the first samples are there.

    passes: of the spectral correction.
    """
    wav = _sound(engine, request, passes)
    wav = chain([next(wav)], wav)
    made = output_length(request.spec.shape[1], MEL_FORMAT.hop_length)
    samples = resampled_length(made, MEL_FORMAT.sample_rate, request.sr)
    return answer.encode_stream(wav, request.sr, samples)


def whole(engine: Engine, request: SpecRequest, answer: AnswerFormat, passes: int) -> bytes:
    """The answer's bytes, all at once."""
    return answer.encode(np.concatenate([*_sound(engine, request, passes)]), request.sr)


def _sound(engine: Engine, request: SpecRequest, passes: int) -> Iterator[Float32Array]:
    """[n] chunks at the rate that was asked for."""
    seed = secrets.randbits(63) if request.seed is None else request.seed
    wav = generate(engine, request.spec, seed, request.temperature, passes)
    return resample_stream(wav, MEL_FORMAT.sample_rate, request.sr)


def example() -> dict[str, Any]:
    clip = sample_clip(seconds=1)
    resampled = np.concatenate([*resample_stream([clip.wav], clip.rate, MEL_FORMAT.sample_rate)])
    return {"spec": mel_spectrogram(resampled), "sr": MEL_FORMAT.sample_rate}
