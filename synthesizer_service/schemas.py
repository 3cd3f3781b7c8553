"""Requests and responses of the synthesizer, as they stand on the wire."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Axis, Float32Array, Int64Array, Tensor
from shared.text.lexicon import (
    MAX_ENTRIES,
    MAX_RESPELLING_CHARACTERS,
    MAX_WORD_CHARACTERS,
    RESPELLING,
)
from synthesizer_service.settings import settings
from synthesizer_service.tacotron.attention_monitor import Fault
from synthesizer_service.text import SYMBOLS

_BATCH = Axis("B", 1, settings.max_batch)
_EMBED = Axis("E", 256, 256)
_MELS = Axis("mels", MEL_FORMAT.n_mels, MEL_FORMAT.n_mels)
_FRAMES = Axis("T", 1, settings.max_frames)
_CHARS = (_BATCH, Axis("L", 1, settings.max_ids))

Seed = Annotated[int | None, Field(ge=0, lt=2**63)]
"""The same request and seed give the same output."""
Text = Annotated[str, Field(max_length=settings.max_text_characters)]
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
Chars = Annotated[Int64Array, Tensor(axes=_CHARS, low=0, high=len(SYMBOLS) - 1, integer=True)]
Embeds = Annotated[Float32Array, Tensor(axes=(_BATCH, _EMBED), low=-1, high=1)]
Embed = Annotated[Float32Array, Tensor(axes=(_EMBED,), low=-1, high=1)]
_MEL_RANGE = {"low": -MEL_FORMAT.max_abs, "high": MEL_FORMAT.max_abs}
Mel = Annotated[Float32Array, Tensor(axes=(_BATCH, _MELS, _FRAMES), **_MEL_RANGE)]
Spec = Annotated[Float32Array, Tensor(axes=(_MELS, _FRAMES), **_MEL_RANGE)]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True)


class TextRequest(_Request):
    text: Text
    embed: Embed
    """[256], the voice, as the encoder gives it."""
    seed: Seed = None
    lexicon: Entries | None = None
    """Words and their respellings: {"Nguyen": "win"}."""
    attention: bool = False
    """Whether the answer is to hold the attention too."""
    timestamps: bool = False
    """Whether the answer is to hold the times of the words."""


class CharsRequest(_Request):
    chars: Chars
    """[B][L] symbol ids, padded with 0, as POST /chars/ gives them."""
    batched_embeds: Embeds
    """[B][256], a voice for each row of `chars`."""
    seed: Seed = None


def _form_of(body: Any) -> str:
    if isinstance(body, CharsRequest):
        return "<chars>"
    batched = isinstance(body, dict) and ("chars" in body or "batched_embeds" in body)
    return "<chars>" if batched and "text" not in body else "<text>"


InferenceRequest = Annotated[
    Annotated[TextRequest, Tag("<text>")] | Annotated[CharsRequest, Tag("<chars>")],
    Discriminator(_form_of),
]
"""In errors a name in <> is that of a form, not of a field."""


class TextsRequest(_Request):
    texts: Annotated[list[Text], Field(min_length=1, max_length=settings.max_batch)]
    lexicon: Entries | None = None
    """Words and their respellings: {"Nguyen": "win"}."""


class WordTime(BaseModel):
    word: str
    """As it stands in the text, without the punctuation around it."""
    start: float
    """Seconds from the beginning of the mel. Starts never decrease."""
    end: float


class SpecResponse(BaseModel):
    spec: Spec
    """[80][T] mel spectrogram in ±4, 80 frames a second."""
    attention: list[list[float]] | None = None
    """[S][L] on request: which symbols each decoder step read; a row sums to one."""
    words: list[WordTime] | None = None
    """On request: each word of the text once, with the time in which it is spoken."""
    retries: int | None = None
    """Where the attention went astray: how often the text was spoken anew, with other seeds."""
    fault: Fault | None = None
    """What is wrong with the best attempt, if all went astray."""


class MelResponse(BaseModel):
    mel: Mel
    """[B][80][T], padded with silence (-4)."""
    lengths: list[int]
    """[B] frames of each."""
    retries: list[int] | None = None
    """[B], if any was spoken anew."""
    fault: list[Fault | None] | None = None
    """[B], beside `retries`."""


class CharsResponse(BaseModel):
    chars: Chars
    """[B][L] symbol ids, padded with 0."""
    spoken: list[str]
    """[B] the texts as they will be said."""
