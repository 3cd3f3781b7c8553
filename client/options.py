"""Options of speech: how a text is read and how it sounds.

A new option is a field here. Requests of speech and of jobs inherit it, and the client takes it.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.http.schemas import MAX_TEMPERATURE, MIN_TEMPERATURE
from shared.text.lexicon import (
    MAX_ENTRIES,
    MAX_RESPELLING_CHARACTERS,
    MAX_WORD_CHARACTERS,
    RESPELLING,
)
from shared.text.markup import TextFormat


def _respelling(written: str) -> str:
    if not re.fullmatch(RESPELLING, written):
        message = "a respelling must be letters, with spaces, hyphens and apostrophes between them"
        raise PydanticCustomError("invalid_lexicon", message)
    return written


Lexicon = Mapping[str, str]
"""Respellings by word: {"Nguyen": "win"}."""
LexiconEntries = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=MAX_WORD_CHARACTERS)],
        Annotated[
            str,
            Field(
                max_length=MAX_RESPELLING_CHARACTERS,
                json_schema_extra={"pattern": f"^{RESPELLING}$"},
            ),
            AfterValidator(_respelling),
        ],
    ],
    Field(max_length=MAX_ENTRIES),
]
MAX_KEYWORD_CHARACTERS = 20
_NUMBER = re.compile(r"\d{1,19}|\d{1,9}\.\d{1,9}", re.ASCII)


def lower_case(name: Any) -> Any:
    """A keyword in upper or lower case, such as MP3."""
    if isinstance(name, str) and len(name) <= MAX_KEYWORD_CHARACTERS:
        return name.strip().lower()
    return name


def _number(value: Any) -> Any:
    """A number that a client sends as a string."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value) if value.isdecimal() else float(value)
    return value


def _flag(value: Any) -> Any:
    """A boolean that a client sends as a string."""
    return _FLAGS.get(value.lower(), value) if isinstance(value, str) and len(value) < 6 else value


_FLAGS = {"true": True, "false": False}
Flag = Annotated[bool, BeforeValidator(_flag)]
TextFormatName = Annotated[TextFormat, BeforeValidator(lower_case)]
MIN_SPEED, MAX_SPEED = 0.25, 4.0
Speed = Annotated[float, Field(ge=MIN_SPEED, le=MAX_SPEED), BeforeValidator(_number)]
Temperature = Annotated[
    float, Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE), BeforeValidator(_number)
]
SeedNumber = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_number)]
Seed = SeedNumber | None
"""The same request and seed give the same sound; without one, a seed is drawn."""


def seed_or_new(seed: int | None) -> int:
    return secrets.randbits(31) if seed is None else seed


class TextOptions(BaseModel):
    """Options of reading a text."""

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True)

    text_format: TextFormatName = "auto"
    """auto: SSML or HTML if the text begins as such a document, else Markdown with tags. plain:
    every character is text."""
    lexicon: LexiconEntries | None = None
    """Words and their respellings: {"Nguyen": "win"}."""


class SpeechOptions(TextOptions):
    """Options of reading a text and of its sound, apart from the voice."""

    speed: Speed = 1.0
    """Times the usual pace; the pitch stays."""
    temperature: Temperature = 1.0
    """Below 1 WaveRNN is smoother and duller, above 1 rougher. Vocos ignores it."""
    seed: Seed = None
    """The same request and seed give the same sound; without one, a seed is drawn."""
    timestamps: Flag = False
    """With the times of the words: in SSE before each sentence's sound, in a job for captions."""

    def with_seed(self) -> Self:
        """The same options, with a seed drawn if there is none."""
        return self.model_copy(update={"seed": seed_or_new(self.seed)})
