"""The work of one request: a clip in, a voice's embedding and a report out."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch

from encoder_service.embedding import embed_utterance, part_likeness
from encoder_service.hparams import SAMPLING_RATE, Hparams
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import UnusableClip, usable_voice
from encoder_service.recordings import Recording
from encoder_service.settings import Settings
from shared.audio.clip_report import ClipReport
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model, weights_sha256
from shared.http.errors import InvalidRequest
from shared.http.process_memory import return_freed_memory
from shared.http.tensors import Float32Array
from shared.voices import example_wav

Decode = Callable[[], Recording]
"""Gives the clip of a request. It decodes a sound file, so it runs in the compute thread."""

# Cosine of the two parts of a clip that differ most (`part_likeness`). 373 clips of one speaker,
# LibriSpeech's and the presets', alone or two of one speaker joined: 0.77 and more. Of 2357 clips
# that join two speakers of LibriSpeech, or in which they take turns, 98.5 % have less than 0.75.
MIN_PART_LIKENESS = 0.75


def load(settings: Settings) -> SpeakerEncoder:
    """Raises CheckpointError, which names the file and the remedy."""
    return_freed_memory(2**20)
    torch.set_num_threads(settings.torch_threads)
    folder = settings.checkpoints_dir / "encoder"
    model = load_model(
        folder,
        lambda architecture: SpeakerEncoder(hparams_from(Hparams, architecture)),
        has_mel_format=False,
    )
    model.weights_sha256 = weights_sha256(folder)
    return model


def embed(model: SpeakerEncoder, decode: Decode) -> dict[str, Any]:
    """The embedding and the report. Raises InvalidRequest for a clip without a usable voice."""
    voice, report = _usable_voice(decode())
    heard = embed_utterance(model, voice)
    if not heard.embed.any():
        raise InvalidRequest(
            "wav: the encoder finds no voice in it; send a clear recording of one person",
            param="wav",
            code="unusable_clip",
        )
    report = _with_speakers(report, part_likeness(heard.partials))
    return {"embed": heard.embed, "report": asdict(report), "encoder": model.weights_sha256}


def clean(decode: Decode) -> dict[str, Any]:
    """The sound that `embed` gives to the network. Raises InvalidRequest as `embed` does."""
    voice, _ = _usable_voice(decode())
    return {"wav": voice, "sr": SAMPLING_RATE}


def _usable_voice(recording: Recording) -> tuple[Float32Array, ClipReport]:
    try:
        voice, report = usable_voice(recording.wav, recording.rate)
    except UnusableClip as error:
        raise InvalidRequest(f"wav: {error}", param="wav", code="unusable_clip") from None
    return voice, replace(
        report,
        warnings=recording.warnings + report.warnings,
        notes=recording.notes + report.notes,
    )


def _with_speakers(report: ClipReport, likeness: float | None) -> ClipReport:
    report = replace(report, part_likeness=likeness)
    if likeness is None or likeness >= MIN_PART_LIKENESS:
        return report
    warning = (
        f"more than one person seems to speak in it (likeness of its parts {likeness:.2f}, of one "
        f"person {MIN_PART_LIKENESS} and more); send a clip of one person alone"
    )
    return replace(report, warnings=(*report.warnings, warning))


def example() -> dict[str, Any]:
    """A body for POST /inference/."""
    return example_wav()
