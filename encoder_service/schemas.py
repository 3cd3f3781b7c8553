"""Request and response bodies of the encoder."""

from typing import Annotated

from pydantic import Field

from shared.audio.clip_report import ClipReport
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
