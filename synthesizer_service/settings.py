"""What a deployment of the synthesizer sets through the environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    max_text_characters: int = Field(default=300, gt=0)
    """Longer text is to be split at its sentences, as `better speak` and the gateway do."""
    max_ids: int = Field(default=1_000, gt=0)
    """Symbols of one text, after its numbers are written out."""
    max_batch: int = Field(default=16, gt=0)
    max_frames: int = Field(default=2_000, gt=0)
    """Speech that has not ended after this many mel frames (80 a second) is cut."""


settings = Settings()
