"""Settings of the encoder, from the environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_clip_seconds: float = Field(default=60.0, gt=0)
    """Longest clip, in seconds; ten seconds of a voice are plenty."""
