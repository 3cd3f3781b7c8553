"""What a deployment of the synthesizer sets through the environment."""

from typing import Literal

from pydantic import Field

from shared.settings import ServiceSettings
from shared.starting import read_settings


class Settings(ServiceSettings):
    max_text_characters: int = Field(default=250, gt=0)
    """Longer text is to be split at its sentences, as `better speak` and the gateway do."""
    max_ids: int = Field(default=1_000, gt=0)
    """Symbols of one text, after its numbers are written out."""
    max_batch: int = Field(default=16, gt=0)
    compute_seconds: float = Field(default=25.0, gt=0)
    """No further text of a batch is begun after so long: Heroku's router cuts at 30 s."""
    max_frames: int = Field(default=1_600, gt=0)
    """Speech that has not ended after this many mel frames (80 a second) is cut."""
    max_attempts: int = Field(default=3, gt=0)
    """Speech whose attention went astray is made anew with another seed, so often in all."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the largest weights in the native decoder: nine tenths of what a step reads."""


settings = read_settings(Settings)
