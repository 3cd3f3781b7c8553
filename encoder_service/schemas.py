"""Requests and responses of the encoder, as they stand on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from encoder_service.settings import settings
from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.tensors import Axis, Float32Array, Tensor

_MAX_SAMPLES = int(settings.max_clip_seconds * MAX_RATE)
Wav = Annotated[
    Float32Array, Tensor(axes=(Axis("n", 1, _MAX_SAMPLES),), low=-MAX_ABS, high=MAX_ABS)
]
Embed = Annotated[Float32Array, Tensor(axes=(Axis("E", 256, 256),), low=0, high=1)]


class WavRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    wav: Wav
    """[n] samples in ±1, one channel."""
    sr: int = Field(ge=MIN_RATE, le=MAX_RATE)
    """Samples a second."""


class ClipReport(BaseModel):
    """What was found in the clip."""

    seconds: float
    voiced_seconds: float
    """What is left when long silences are cut."""
    clipped_share: float
    """0 to 1: samples at full scale."""
    level_dbfs: float
    snr_db: float
    warnings: list[str]
    """What makes the embedding a worse likeness."""


class EmbedResponse(BaseModel):
    embed: Embed
    """[256], unit length, >= 0: the voice."""
    report: ClipReport
    encoder: str
    """SHA-256 of the encoder's weights: embeddings of other weights are not comparable."""


class WavResponse(BaseModel):
    wav: Wav
    """[n] samples: volume-normalised, long silences cut."""
    sr: int
    """16000."""
