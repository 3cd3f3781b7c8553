"""Requests and responses of the vocoder, as they stand on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Axis, Float32Array, Tensor
from vocoder_service.settings import settings

MIN_OUTPUT_RATE, MAX_OUTPUT_RATE = 8_000, 48_000  # Hz

Spec = Annotated[
    Float32Array,
    Tensor(
        axes=(
            Axis("mels", MEL_FORMAT.n_mels, MEL_FORMAT.n_mels),
            Axis("T", 1, settings.max_frames),
        ),
        low=-2 * MEL_FORMAT.max_abs,
        high=2 * MEL_FORMAT.max_abs,
        clip=(-MEL_FORMAT.max_abs, MEL_FORMAT.max_abs),
    ),
]
Wav = Annotated[Float32Array, Tensor(axes=(Axis("n", 1, 2**31),), low=-1, high=1)]


class SpecRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    spec: Spec
    """[80][T] mel spectrogram, 80 frames a second; clipped to ±4."""
    sr: int = Field(MEL_FORMAT.sample_rate, ge=MIN_OUTPUT_RATE, le=MAX_OUTPUT_RATE)
    """Samples a second that the answer is to have."""
    seed: int | None = Field(None, ge=0, lt=2**63)
    """The same request and seed give the same sound; Vocos makes no use of it."""
    temperature: float = Field(1.0, ge=0.1, le=2.0)
    """Below 1 is smoother and duller, above 1 is rougher; Vocos makes no use of it."""
    stream: bool = True
    """Send the answer as it is made; false sends it whole, with its length in the headers."""


class WavResponse(BaseModel):
    wav: Wav
    """[n] samples in ±1."""
    sr: int
