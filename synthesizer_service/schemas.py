"""Request and response bodies of the synthesizer."""

from types import GenericAlias
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from shared.audio.mel import MEL_FORMAT
from shared.http.schemas import Limits, RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Int64Array, Tensor
from shared.text.lexicon import (
    MAX_ENTRIES,
    MAX_RESPELLING_CHARACTERS,
    MAX_WORD_CHARACTERS,
    RESPELLING,
)
from synthesizer_service.settings import Settings
from synthesizer_service.tacotron.attention_monitor import Fault
from synthesizer_service.text import SYMBOLS

_MAX_LENGTH = 2**31  # of an axis that a deployment limits, or that no request has
_EMBED = Axis("E", 256, 256)
_MELS = Axis("mels", MEL_FORMAT.n_mels, MEL_FORMAT.n_mels)
_FRAMES = Axis("T", 1, _MAX_LENGTH)

Seed = Annotated[int | None, Field(ge=0, lt=2**63)]
"""The same request and seed give the same output."""
_ENTRIES_SCHEMA = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": MAX_WORD_CHARACTERS},
    "additionalProperties": {
        "type": "string",
        "maxLength": MAX_RESPELLING_CHARACTERS,
        "pattern": f"^{RESPELLING}$",
    },
    "maxProperties": MAX_ENTRIES,
    "examples": [{"Nguyen": "win"}],
}
Entries = Annotated[Any, WithJsonSchema(_ENTRIES_SCHEMA)]
"""Words and their respellings. `Lexicon` checks them."""


def _chars(max_batch: int, max_ids: int) -> Tensor:
    axes = (Axis("B", 1, max_batch), Axis("L", 1, max_ids))
    return Tensor(axes=axes, low=0, high=len(SYMBOLS) - 1, integer=True)


def _embeds(max_batch: int) -> Tensor:
    return Tensor(axes=(Axis("B", 1, max_batch), _EMBED), low=-1, high=1)


Chars = Annotated[Int64Array, _chars(_MAX_LENGTH, _MAX_LENGTH)]
Embeds = Annotated[Float32Array, _embeds(_MAX_LENGTH)]
Embed = Annotated[Float32Array, Tensor(axes=(_EMBED,), low=-1, high=1)]
_MEL_RANGE = {"low": -MEL_FORMAT.max_abs, "high": MEL_FORMAT.max_abs}
Mel = Annotated[
    Float32Array, Tensor(axes=(Axis("B", 1, _MAX_LENGTH), _MELS, _FRAMES), **_MEL_RANGE)
]
Spec = Annotated[Float32Array, Tensor(axes=(_MELS, _FRAMES), **_MEL_RANGE)]


class TextRequest(RequestModel):
    text: str
    """The text to speak."""
    embed: Embed
    """[256] embedding of the voice, from the encoder."""
    seed: Seed = None
    """The same request and seed give the same output."""
    lexicon: Entries | None = None
    """Words and their respellings, such as {"Nguyen": "win"}."""
    attention: bool = False
    """Return the attention as well."""
    timestamps: bool = False
    """Return the times of the words as well."""


class CharsRequest(RequestModel):
    chars: Chars
    """[B][L] symbol ids from POST /chars/, padded with 0."""
    batched_embeds: Embeds
    """[B][256], the voice of each row of `chars`."""
    seed: Seed = None
    """The same request and seed give the same output."""


def _form_of(body: Any) -> str:
    if isinstance(body, CharsRequest):
        return "<chars>"
    batched = isinstance(body, dict) and ("chars" in body or "batched_embeds" in body)
    return "<chars>" if batched and "text" not in body else "<text>"


FORMS = Discriminator(_form_of)
TEXT_FORM, CHARS_FORM = Tag("<text>"), Tag("<chars>")
"""Names of the two forms. In errors, <> shows that they are not fields."""


class TextsRequest(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"texts": ["Hello, this is my voice."]}]}
    )

    texts: list[str]
    """Texts to convert."""
    lexicon: Entries | None = None
    """Words and their respellings, such as {"Nguyen": "win"}."""


def text_limits(settings: Settings) -> Limits:
    """Limits of TextRequest."""
    return Limits(text=_text(settings))


def chars_limits(settings: Settings) -> Limits:
    """Limits of CharsRequest."""
    return Limits(
        chars=Annotated[Int64Array, _chars(settings.max_batch, settings.max_ids)],
        batched_embeds=Annotated[Float32Array, _embeds(settings.max_batch)],
    )


def texts_limits(settings: Settings) -> Limits:
    """Limits of TextsRequest."""
    texts = GenericAlias(list, (_text(settings),))
    return Limits(texts=Annotated[texts, Field(min_length=1, max_length=settings.max_batch)])


def _text(settings: Settings) -> Any:
    return Annotated[str, Field(max_length=settings.max_text_characters)]


class WordTime(ResponseModel):
    word: str
    """The word as the text has it, without the punctuation around it."""
    start: float
    """Seconds from the beginning of the mel. Starts never decrease."""
    end: float
    """Seconds from the beginning of the mel."""


class SpecResponse(ResponseModel):
    spec: Spec
    """[80][T] mel spectrogram within ±4, 80 frames per second."""
    attention: list[list[float]] | None = None
    """[S][L] on request: weight of each symbol in each decoder step; a row sums to one."""
    words: list[WordTime] | None = None
    """On request: each word of the text once, with the time in which it is spoken."""
    retries: int | None = None
    """Further attempts, with other seeds, after the attention failed."""
    fault: Fault | None = None
    """Fault of the best attempt, if all have one."""


class MelResponse(ResponseModel):
    mel: Mel
    """[B][80][T] mel spectrograms, padded with silence (-4)."""
    lengths: list[int]
    """[B] frames of each mel."""
    retries: list[int] | None = None
    """[B] further attempts for each text, if there were any."""
    fault: list[Fault | None] | None = None
    """[B] fault of each best attempt, beside `retries`."""


class CharsResponse(ResponseModel):
    chars: Chars
    """[B][L] symbol ids, padded with 0."""
    spoken: list[str]
    """[B] texts as they will be spoken."""
