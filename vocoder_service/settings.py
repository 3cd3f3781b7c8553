"""What a deployment of the vocoder sets through the environment."""

import os
from typing import Literal

from pydantic import Field

from shared.http.startup_errors import read_settings
from shared.settings import ServiceSettings
from vocoder_service.wavernn.correction import PASSES

NetworkName = Literal["vocos", "wavernn"]
NETWORK_NAMES: dict[NetworkName, str] = {"vocos": "Vocos", "wavernn": "WaveRNN"}
"""Their names for people."""


class Settings(ServiceSettings):
    vocoder: NetworkName = "vocos"
    """The network that speaks: checkpoints/vocos/, or with wavernn RTVC's, checkpoints/vocoder/."""
    max_frames: int = Field(default=4_800, gt=0)
    """Longest mel spectrogram, in frames of 12.5 ms."""
    concurrency: int = Field(default=16, gt=0)
    """Requests that are vocoded at a time; WaveRNN makes them in one batch."""
    vocoder_threads: int = Field(default_factory=lambda: min(4, len(os.sched_getaffinity(0))), gt=0)
    """Vocos: threads that the requests share, each for a block at a time. WaveRNN: threads of the
    native sample loop, each for some of the batch's folds."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """WaveRNN: of the sample loop's products; bfloat16 only where the CPU multiplies it."""
    correction_passes: int = Field(default=PASSES, ge=0, le=10)
    """WaveRNN: times that the sound is brought nearer to its mel; 0 leaves it alone."""

    @property
    def compute_threads(self) -> int | None:
        """Threads that the requests share; None for one each, which WaveRNN's batch needs."""
        return self.vocoder_threads if self.vocoder == "vocos" else None


settings = read_settings(Settings)
