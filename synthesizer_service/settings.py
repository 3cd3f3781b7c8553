"""Settings of the synthesizer, read from the environment."""

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
    """Characters of one text. `better speak` and the gateway split longer texts into sentences."""
    max_ids: int = Field(default=1_000, gt=0)
    """Symbols of one text, with numbers in words."""
    max_batch: int = Field(default=16, gt=0)
    """Texts of one request."""
    compute_seconds: float = Field(default=25.0, gt=0)
    """Time after which no further text of a batch is started. Heroku's router ends requests at
    30 s."""
    max_frames: int = Field(default=1_600, gt=0)
    """Limit of one text's speech in mel frames, 80 per second."""
    max_attempts: int = Field(default=3, gt=0)
    """Attempts per text, with different seeds, when the attention fails."""
    lexicon: Annotated[Lexicon, BeforeValidator(_read)] = NO_LEXICON
    """Path of a JSON file {"word": "respelling"}. A request's own entries take precedence."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Storage of the native decoder's largest weights, nine tenths of those read per step."""
