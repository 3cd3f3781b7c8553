"""What a deployment of the encoder sets through the environment."""

from pydantic import Field

from shared.settings import ServiceSettings
from shared.starting import read_settings


class Settings(ServiceSettings):
    max_clip_seconds: float = Field(default=60.0, gt=0)
    """A longer clip is refused; ten seconds of a voice are plenty."""


settings = read_settings(Settings)
