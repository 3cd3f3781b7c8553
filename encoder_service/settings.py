"""What a deployment of the encoder sets through the environment."""

from pydantic import Field

from shared.http.startup_errors import read_settings
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_clip_seconds: float = Field(default=60.0, gt=0)
    """A longer clip is refused; ten seconds of a voice are plenty."""


settings = read_settings(Settings)
