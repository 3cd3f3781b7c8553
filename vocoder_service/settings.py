"""Settings of the vocoder service, read from the environment."""

import os
from typing import Literal

from pydantic import Field

from shared.http.startup_errors import read_settings
from shared.settings import ServiceSettings
from vocoder_service.wavernn.correction import PASSES

NetworkName = Literal["vocos", "wavernn"]
NETWORK_NAMES: dict[NetworkName, str] = {"vocos": "Vocos", "wavernn": "WaveRNN"}
"""Display names of the networks."""


class Settings(ServiceSettings):
    vocoder: NetworkName = "vocos"
    """The network: Vocos (checkpoints/vocos/) or RTVC's WaveRNN (checkpoints/vocoder/)."""
    max_frames: int = Field(default=4_800, gt=0)
    """Longest mel spectrogram in frames of 12.5 ms."""
    concurrency: int = Field(default=16, gt=0)
    """Requests that are vocoded at a time; WaveRNN computes them in one batch."""
    vocoder_threads: int = Field(default_factory=lambda: min(4, len(os.sched_getaffinity(0))), gt=0)
    """Vocos: threads that the requests share, block by block. WaveRNN: threads of the native sample
    loop, which share the folds of a batch."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """WaveRNN: precision of the sample loop; bfloat16 only on CPUs that multiply it."""
    correction_passes: int = Field(default=PASSES, ge=0, le=10)
    """WaveRNN: passes of the spectral correction; 0 turns it off."""

    @property
    def compute_threads(self) -> int | None:
        """Threads that the requests share; None for a thread each, as WaveRNN's batch needs."""
        return self.vocoder_threads if self.vocoder == "vocos" else None


settings = read_settings(Settings)
