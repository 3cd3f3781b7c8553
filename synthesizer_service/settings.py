"""What a deployment of the synthesizer sets through the environment."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.http.startup_errors import read_settings
from shared.settings import ServiceSettings
from synthesizer_service.text import NO_LEXICON, Lexicon, read_lexicon


def _read(path: Any) -> Lexicon:
    return path if isinstance(path, Lexicon) else read_lexicon(Path(path)) if path else NO_LEXICON


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(arbitrary_types_allowed=True)

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
    lexicon: Annotated[Lexicon, BeforeValidator(_read)] = NO_LEXICON
    """Out of a JSON file, {"word": "respelling"}; a request's own entries go before it."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the largest weights in the native decoder: nine tenths of what a step reads."""


settings = read_settings(Settings)
