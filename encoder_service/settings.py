"""Settings of the encoder, from the environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_clip_seconds: float = Field(default=60.0, gt=0)
    """Seconds of a clip that are used: of a longer clip, the best part."""
