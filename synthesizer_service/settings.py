"""Settings of the synthesizer, from the environment."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings
from synthesizer_service.text import NO_LEXICON, Lexicon, read_lexicon


def _read(path: Any) -> Lexicon:
    return path if isinstance(path, Lexicon) else read_lexicon(Path(path)) if path else NO_LEXICON


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(arbitrary_types_allowed=True)

    max_text_characters: int = Field(default=250, gt=0)
    """Longest text. Split longer ones at their sentences, as `better speak` and the gateway do."""
    max_ids: int = Field(default=1_000, gt=0)
    """Symbols of one text, with its numbers written out."""
    max_batch: int = Field(default=16, gt=0)
    """Texts of one request."""
    compute_seconds: float = Field(default=25.0, gt=0)
    """Seconds after which no further text of a batch is started: Heroku's router cuts at 30 s."""
    max_frames: int = Field(default=1_600, gt=0)
    """Mel frames, 80 a second, at which speech without an end is cut."""
    max_attempts: int = Field(default=3, gt=0)
    """Attempts, each with another seed, for a text whose attention fails."""
    lexicon: Annotated[Lexicon, BeforeValidator(_read)] = NO_LEXICON
    """Path of a JSON file, {"word": "respelling"}. Entries of a request take precedence."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Precision of the native decoder's largest weights: 90 % of the memory that a step reads."""
