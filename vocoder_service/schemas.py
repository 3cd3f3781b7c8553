"""Request and response bodies of the vocoder."""

from typing import Annotated

from pydantic import Field

from shared.audio.mel import MEL_FORMAT
from shared.http.schemas import MAX_TEMPERATURE, MIN_TEMPERATURE, RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor

MIN_OUTPUT_RATE, MAX_OUTPUT_RATE = 8_000, 48_000  # Hz


def spec_tensor(max_frames: int) -> Tensor:
    """A mel spectrogram [80, T] of at most `max_frames`; values up to ±8 are clipped to ±4."""
    bands = Axis("mels", MEL_FORMAT.n_mels, MEL_FORMAT.n_mels)
    return Tensor(
        axes=(bands, Axis("T", 1, max_frames)),
        low=-2 * MEL_FORMAT.max_abs,
        high=2 * MEL_FORMAT.max_abs,
        clip=(-MEL_FORMAT.max_abs, MEL_FORMAT.max_abs),
    )


Spec = Annotated[Float32Array, spec_tensor(max_frames=2**31)]
Wav = Annotated[Float32Array, Tensor(axes=(Axis("n", 1, 2**31),), low=-1, high=1)]


class SpecRequest(RequestModel):
    spec: Spec
    """[80][T] mel spectrogram, 80 frames a second; clipped to ±4."""
    sr: int = Field(MEL_FORMAT.sample_rate, ge=MIN_OUTPUT_RATE, le=MAX_OUTPUT_RATE)
    """Sampling rate of the sound in Hz."""
    seed: int | None = Field(None, ge=0, lt=2**63)
    """The same request and seed give the same sound; Vocos makes no use of it."""
    temperature: float = Field(1.0, ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)
    """Below 1 is smoother and duller, above 1 is rougher. Vocos ignores it."""
    stream: bool = True
    """Send the sound while it is made; false sends it whole, with its length in the headers."""


class WavResponse(ResponseModel):
    wav: Wav
    """[n] samples in ±1."""
    sr: int
    """Sampling rate in Hz."""
