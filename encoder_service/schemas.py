"""Request and response bodies of the encoder."""

from typing import Annotated

from pydantic import Field

from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.json_routes import MAX_JSON_VALUES
from shared.http.schemas import RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor

Wav = Annotated[
    Float32Array, Tensor(axes=(Axis("n", 1, MAX_JSON_VALUES),), low=-MAX_ABS, high=MAX_ABS)
]
Embed = Annotated[Float32Array, Tensor(axes=(Axis("E", 256, 256),), low=0, high=1)]


class WavRequest(RequestModel):
    wav: Wav
    """[n] samples in ±1, one channel."""
    sr: int = Field(ge=MIN_RATE, le=MAX_RATE)
    """Sampling rate in Hz."""


class ClipReport(ResponseModel):
    """Measurements of the clip, and advice."""

    seconds: float
    """Of the part that was used."""
    voiced_seconds: float
    """Seconds left when long silences are cut."""
    clipped_share: float
    """Fraction of samples at full scale, 0 to 1."""
    level_dbfs: float
    """RMS of the voice."""
    snr_db: float
    """0 to 60: voice over the quietest tenth of the clip."""
    offset: float
    """0 to 1: mean distance of the waveform's centre from 0. Removed if it matters."""
    tone_share: float
    """0 to 1: voiced parts that hold steady tones, as music does."""
    part_likeness: float | None
    """0 to 1: cosine of the two parts of the clip that differ most; under 0.75 more than one person
    seems to speak. null for a clip under 4 s of voice."""
    warnings: list[str]
    """Faults that make the embedding a worse likeness, each with its remedy."""
    notes: list[str]
    """Repairs made to the clip."""


class EmbedResponse(ResponseModel):
    embed: Embed
    """[256], unit length, >= 0: the voice."""
    report: ClipReport
    """Quality of the clip."""
    encoder: str
    """SHA-256 of the encoder's weights: embeddings of other weights are not comparable."""


class WavResponse(ResponseModel):
    wav: Wav
    """[n] samples: volume-normalised, long silences cut."""
    sr: int
    """Sampling rate in Hz: 16000."""
