"""Request and response bodies of the synthesizer."""

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
"""Seed of the random numbers. The same request and seed give the same output."""
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
"""Words and their respellings; `Lexicon` validates them."""
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
    """[256] speaker embedding from the encoder, each value within ±1."""
    seed: Seed = None
    lexicon: Entries | None = None
    """Words and their respellings, such as {"Nguyen": "win"}."""
    attention: bool = False
    """Return the attention weights too."""


class CharsRequest(_Request):
    chars: Chars
    """[B][L] symbol ids from POST /chars/, padded with 0."""
    batched_embeds: Embeds
    """[B][256] speaker embeddings, one for each row of `chars`."""
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
"""Errors name the form of a body in angle brackets, to tell it from a field."""


class TextsRequest(_Request):
    texts: Annotated[list[Text], Field(min_length=1, max_length=settings.max_batch)]
    lexicon: Entries | None = None
    """Words and their respellings, such as {"Nguyen": "win"}."""


class SpecResponse(BaseModel):
    spec: Spec
    """[80][T] mel spectrogram within ±4, 80 frames per second."""
    attention: list[list[float]] | None = None
    """[S][L] on request: attention of each decoder step over the symbols; a row sums to one."""
    retries: int | None = None
    """Repeated attempts with other seeds, after an attention fault."""
    fault: Fault | None = None
    """Attention fault of the best attempt, if none was without a fault."""


class MelResponse(BaseModel):
    mel: Mel
    """[B][80][T] mel spectrograms, padded with silence (-4)."""
    lengths: list[int]
    """[B] frames of each mel."""
    retries: list[int] | None = None
    """[B] repeated attempts, present if any text needed them."""
    fault: list[Fault | None] | None = None
    """[B] remaining attention faults, present beside `retries`."""


class CharsResponse(BaseModel):
    chars: Chars
    """[B][L] symbol ids, padded with 0."""
    spoken: list[str]
    """[B] texts as they will be spoken."""
