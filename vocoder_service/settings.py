"""What a deployment of the vocoder sets through the environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_frames: int = Field(default=4_800, gt=0)
    """Longest mel spectrogram, in frames of 12.5 ms."""


settings = Settings()
