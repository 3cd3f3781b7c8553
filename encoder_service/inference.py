"""Request-sized work of the encoder: a clip in, a voice's embedding out."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from encoder_service.embedding import embed_utterance
from encoder_service.hparams import SAMPLING_RATE, Hparams
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import ClipReport, UnusableClip, usable_voice
from encoder_service.settings import Settings
from shared.audio.files import Clip
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.http.errors import InvalidRequest
from shared.http.process_memory import return_freed_memory
from shared.http.tensors import Float32Array
from shared.voices import example_wav

Decode = Callable[[], Clip]
"""Gives the clip of a request; decoding a sound file is work for the compute thread."""


def load(settings: Settings) -> SpeakerEncoder:
    """Raises CheckpointError, which names the file and the remedy."""
    return_freed_memory(2**20)
    torch.set_num_threads(settings.torch_threads)
    return load_model(
        settings.checkpoints_dir / "encoder",
        lambda architecture: SpeakerEncoder(hparams_from(Hparams, architecture)),
        has_mel_format=False,
    )


def embed(model: SpeakerEncoder, decode: Decode) -> dict[str, Any]:
    """Raises InvalidRequest if the clip holds no voice that can be embedded."""
    voice, report = _voice_in(decode())
    embed = embed_utterance(model, voice).embed
    if not embed.any():
        raise InvalidRequest(
            "wav: the encoder finds no voice in it; send a clear recording of one person",
            param="wav",
            code="unusable_clip",
        )
    found = asdict(report)
    del found["problem"]  # there is none
    return {"embed": embed, "report": found}


def clean(decode: Decode) -> dict[str, Any]:
    """What `embed` hears of the clip. Raises InvalidRequest as it does."""
    voice, _ = _voice_in(decode())
    return {"wav": voice, "sr": SAMPLING_RATE}


def _voice_in(clip: Clip) -> tuple[Float32Array, ClipReport]:
    try:
        return usable_voice(clip.wav, clip.rate)
    except UnusableClip as error:
        raise InvalidRequest(f"wav: {error}", param="wav", code="unusable_clip") from None


def example() -> dict[str, Any]:
    """A body for POST /inference/."""
    return example_wav()
