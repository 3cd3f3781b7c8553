"""Request and response bodies of the encoder."""

from typing import Annotated

from pydantic import Field

from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.schemas import RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor


def wav_tensor(max_seconds: float) -> Tensor:
    """A clip [n] of at most `max_seconds`, at the highest rate."""
    return Tensor(axes=(Axis("n", 1, int(max_seconds * MAX_RATE)),), low=-MAX_ABS, high=MAX_ABS)


Wav = Annotated[Float32Array, wav_tensor(max_seconds=3600)]
Embed = Annotated[Float32Array, Tensor(axes=(Axis("E", 256, 256),), low=0, high=1)]


class WavRequest(RequestModel):
    wav: Wav
    """[n] samples in ±1, one channel."""
    sr: int = Field(ge=MIN_RATE, le=MAX_RATE)
    """Sampling rate in Hz."""


class ClipReport(ResponseModel):
    """Quality of the clip."""

    seconds: float
    """Length of the clip."""
    voiced_seconds: float
    """Length without long silences."""
    clipped_share: float
    """Fraction of samples at full scale, 0 to 1."""
    level_dbfs: float
    """Level in dB relative to full scale."""
    snr_db: float
    """Signal-to-noise ratio in dB."""
    warnings: list[str]
    """Faults that reduce the likeness of the embedding."""


class EmbedResponse(ResponseModel):
    embed: Embed
    """[256], unit length, >= 0: the voice."""
    report: ClipReport
    """Quality of the clip."""


class WavResponse(ResponseModel):
    wav: Wav
    """[n] samples: volume-normalised, long silences cut."""
    sr: int
    """Sampling rate in Hz: 16000."""
