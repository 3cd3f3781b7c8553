"""Settings of the encoder, read from the environment."""

from pydantic import Field

from shared.http.startup_errors import read_settings
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_clip_seconds: float = Field(default=60.0, gt=0)
    """Of a longer clip the best part of this length is used."""


settings = read_settings(Settings)
