"""A clip's features: its mel, and its embedding by the encoder service's network."""

import logging
from collections.abc import Iterator
from pathlib import Path

from encoder_service.embedding import embed_utterance
from encoder_service.inference import load
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import UnusableClip, usable_voice
from encoder_service.settings import Settings
from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from training.data.clips import Clip, ClipFolder, Features

log = logging.getLogger("better")

CHECKPOINTS = REPOSITORY / "checkpoints"


def load_encoder(checkpoints: Path = CHECKPOINTS) -> SpeakerEncoder:
    """Load the encoder from the folder `encoder` in `checkpoints`. Raises CheckpointError."""
    return load(Settings(checkpoints_dir=checkpoints))


def embed_voice(encoder: SpeakerEncoder, wav: Float32Array, rate: int) -> Float32Array:
    """[256], unit length, as the encoder service computes it. Raises UnusableClip."""
    return embed_utterance(encoder, usable_voice(wav, rate)[0]).embed


def add_features(folder: ClipFolder, encoder: SpeakerEncoder) -> Iterator[Clip]:
    """Add missing features, one clip per iteration.

    Clips without a voice get none, and are not trained on; each is logged. Raises TrainingError for
    a folder without clips.
    """
    for clip in folder.require_clips():
        if folder.has_features(clip):
            continue
        wav = folder.wav(clip)
        try:
            embed = embed_voice(encoder, wav, MEL_FORMAT.sample_rate)
        except UnusableClip as unusable:
            log.warning("skipped %s: %s", clip.name, unusable)
            continue
        folder.add_features(clip, Features(mel_spectrogram(wav), embed))
        yield clip
