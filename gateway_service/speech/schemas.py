"""Requests and responses of speech, as OpenAI's API and the predecessor's name them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from client.chain import EMBED_SIZE
from gateway_service.speech.stream import ResponseFormat
from gateway_service.string_limits import MAX_MODEL_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS
from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.json_routes import MAX_JSON_VALUES
from shared.http.schemas import RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor
from shared.text.lexicon import (
    MAX_ENTRIES,
    MAX_RESPELLING_CHARACTERS,
    MAX_WORD_CHARACTERS,
    RESPELLING,
)
from shared.text.markup import TextFormat

MAX_NAME_CHARACTERS = 4096
MODEL = "better-tts"


def _refusal(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("speech", "{message}", {"message": message, "code": code})


def _require_length(text: Any) -> Any:
    if text == "":
        raise _refusal("empty", "is empty; send some text")
    if isinstance(text, str) and len(text) > MAX_NAME_CHARACTERS:
        raise _refusal(
            "too_long",
            f"has {len(text)} characters, at most {MAX_NAME_CHARACTERS} are spoken in one request; "
            "send it as a job, POST /v1/jobs",
        )
    return text


def _name_of(voice: Any) -> Any:
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(name, str):
        raise _refusal("wrong_type", 'must be the name of a voice, or {"id": …}')
    return name


Input = Annotated[
    str,
    BeforeValidator(_require_length),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS}),
]
_NAME = {"type": "string", "maxLength": MAX_VOICE_CHARACTERS}
VoiceName = Annotated[
    str,
    Field(max_length=MAX_VOICE_CHARACTERS),
    BeforeValidator(_name_of),
    WithJsonSchema(
        {"anyOf": [_NAME, {"type": "object", "properties": {"id": _NAME}, "required": ["id"]}]}
    ),
]
"""A name or {"id": …}; GET /v1/audio/voices lists them."""
Speed = Annotated[float, Field(ge=0.25, le=4.0)]
SeedNumber = Annotated[int, Field(ge=0, lt=2**63)]
Seed = SeedNumber | None
"""The same request and seed give the same sound."""
Rate = Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)]
Consent = Annotated[str, WithJsonSchema({"type": "string", "maxLength": MAX_CONSENT_CHARACTERS})]


LexiconEntries = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=MAX_WORD_CHARACTERS)],
        Annotated[str, Field(max_length=MAX_RESPELLING_CHARACTERS, pattern=f"^{RESPELLING}$")],
    ],
    Field(max_length=MAX_ENTRIES),
]
"""Words, and how they are to be said: {"Nguyen": "win"}."""


class SpeechRequest(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "Hello, this is my voice.", "voice": "rowan"}]}
    )

    input: Input
    """The text to speak."""
    voice: VoiceName
    """A voice's name, or {"id": …}; GET /v1/audio/voices lists them."""
    model: Annotated[str, Field(max_length=MAX_MODEL_CHARACTERS)] = MODEL
    """There is one; the names of OpenAI's are taken for it."""
    response_format: ResponseFormat = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian."""
    speed: Speed = 1.0
    """Speaking rate; the pitch stays."""
    stream_format: Literal["audio", "sse"] = "audio"
    """sse: the sound in base64 within events, with the usage at the end."""
    details: bool = False
    """With sse: an event before each sentence holds its mel spectrogram and attention."""
    seed: Seed = None
    """The same request and seed give the same sound."""
    text_format: TextFormat = "auto"
    """auto: Markdown with tags, or SSML or HTML where the text begins as such a document. plain:
    every character is text."""
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class TextRequest(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "# Hello\n\nIt is **9:05**, and 20 °C."}]}
    )

    input: Input
    """The text to read."""
    text_format: TextFormat = "auto"
    """As for speech."""
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class TextPiece(ResponseModel):
    source: str
    """The part of `input` that it comes from, its markup included."""
    spoken: str
    """What is said."""
    pause: float
    """Seconds of silence after it."""


class TextResponse(ResponseModel):
    object: Literal["text"] = "text"
    """Always text."""
    pieces: list[TextPiece]
    """The text in the pieces in which it is spoken."""
    notes: list[str]
    """What is not said, and why."""


class Model(ResponseModel):
    id: str
    """Name of the model."""
    created: int
    """Unix time in seconds."""
    object: Literal["model"] = "model"
    """Always model."""
    owned_by: str = "better-api"
    """Always better-api."""


class ModelList(ResponseModel):
    object: Literal["list"] = "list"
    """Always list."""
    data: list[Model]
    """The models."""


class _PredecessorRequest(RequestModel):
    text: Input
    """The text to speak."""
    sr: Rate
    """Sampling rate in Hz, also of the sound returned."""
    seed: Seed = None
    """The same request and seed give the same sound."""
    consent: Consent | None = None
    """Who allowed this voice to be cloned, and for what; required where others can reach the
    gateway."""


class WavRequest(_PredecessorRequest):
    wav: Annotated[
        Float32Array, Tensor(axes=(Axis("n", 1, MAX_JSON_VALUES),), low=-MAX_ABS, high=MAX_ABS)
    ]
    """[n] samples in ±1: the voice."""


class EmbedRequest(_PredecessorRequest):
    embed: Annotated[
        Float32Array, Tensor(axes=(Axis("E", EMBED_SIZE, EMBED_SIZE),), low=-1, high=1)
    ]
    """[256]: the voice, as the encoder gives it."""


class WavResponse(ResponseModel):
    wav: Annotated[Float32Array, Tensor(axes=(Axis("n", 0, 2**31),), low=-1, high=1)]
    """[n] samples in ±1."""
    sr: int
    """Sampling rate in Hz."""
