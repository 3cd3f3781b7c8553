"""Settings of the vocoder, from the environment."""

from typing import Literal

from pydantic import Field

from shared.operating_system import available_cores
from shared.settings import ServiceSettings
from vocoder_service.wavernn.correction import PASSES

NetworkName = Literal["vocos", "wavernn"]
NETWORK_NAMES: dict[NetworkName, str] = {"vocos": "Vocos", "wavernn": "WaveRNN"}
"""Display names."""


class Settings(ServiceSettings):
    vocoder: NetworkName = "vocos"
    """The network: vocos from checkpoints/vocos/, or RTVC's wavernn from checkpoints/vocoder/."""
    max_frames: int = Field(default=4_800, gt=0)
    """Longest mel spectrogram, in frames of 12.5 ms."""
    concurrency: int = Field(default=16, gt=0)
    """Requests vocoded at a time; WaveRNN runs them in one batch."""
    vocoder_threads: int = Field(default_factory=lambda: min(4, available_cores()), gt=0)
    """Vocos: threads that all requests share, a block at a time. WaveRNN: threads of the native
    sample loop, which share the folds of a batch."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """WaveRNN: precision of the sample loop's products; bfloat16 needs a CPU that multiplies it."""
    correction_passes: int = Field(default=PASSES, ge=0, le=10)
    """WaveRNN: passes of the spectral correction towards the mel; 0 turns it off."""

    @property
    def compute_threads(self) -> int | None:
        """Threads that the requests share; None for one each, as WaveRNN's batch needs."""
        return self.vocoder_threads if self.vocoder == "vocos" else None
