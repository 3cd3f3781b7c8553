"""What a deployment of the vocoder sets through the environment."""

import os
from typing import Literal

from pydantic import Field

from shared.settings import ServiceSettings
from shared.starting import read_settings
from vocoder_service.correction import PASSES


class Settings(ServiceSettings):
    max_frames: int = Field(default=4_800, gt=0)
    """Longest mel spectrogram, in frames of 12.5 ms."""
    concurrency: int = Field(default=16, gt=0)
    """Requests that are vocoded at a time: they share one batch."""
    vocoder_threads: int = Field(default_factory=lambda: min(4, len(os.sched_getaffinity(0))), gt=0)
    """Threads of the native sample loop; each makes some of the batch's folds."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the sample loop's products; bfloat16 only where the CPU multiplies it."""
    correction_passes: int = Field(default=PASSES, ge=0, le=10)
    """Times that the sound is brought nearer to its mel; with 0 it is the network's alone."""


settings = read_settings(Settings)
