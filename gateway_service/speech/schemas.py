"""Requests and responses of speech, as OpenAI's API and the predecessor's name them."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from client.chain import EMBED_SIZE
from gateway_service.speech.stream import ResponseFormat
from gateway_service.string_limits import MAX_MODEL_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS
from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.json_routes import MAX_JSON_VALUES
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
MAX_KEYWORD_CHARACTERS = 20
_NUMBER = re.compile(r"\d{1,19}|\d{1,9}\.\d{1,9}", re.ASCII)


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


def _lower_case(name: Any) -> Any:
    return name.lower() if isinstance(name, str) and len(name) <= MAX_KEYWORD_CHARACTERS else name


def _number(value: Any) -> Any:
    """A number that a client sends as a string."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value) if value.isdecimal() else float(value)
    return value


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
SoundFormatName = Annotated[ResponseFormat, BeforeValidator(_lower_case)]
TextFormatName = Annotated[TextFormat, BeforeValidator(_lower_case)]
Speed = Annotated[float, Field(ge=0.25, le=4.0), BeforeValidator(_number)]
SeedNumber = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_number)]
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


class SpeechRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    input: Input
    voice: VoiceName
    model: Annotated[str, Field(max_length=MAX_MODEL_CHARACTERS)] = MODEL
    """Any name is taken: there is one model."""
    response_format: SoundFormatName = "mp3"
    speed: Speed = 1.0
    """The pitch stays."""
    stream_format: Annotated[Literal["audio", "sse"], BeforeValidator(_lower_case)] = "audio"
    """sse: the sound in base64 within events, with the usage at the end."""
    details: bool = False
    """With sse: an event before each sentence holds its mel spectrogram and attention."""
    seed: Seed = None
    text_format: TextFormatName = "auto"
    """auto: Markdown with tags, or SSML or HTML where the text begins as such a document. plain:
    every character is text."""
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class TextRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    input: Input
    text_format: TextFormatName = "auto"
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class TextPiece(BaseModel):
    source: str
    """The part of `input` that it comes from, its markup included."""
    spoken: str
    """What is said."""
    pause: float
    """Seconds of silence after it."""


class TextResponse(BaseModel):
    object: Literal["text"] = "text"
    pieces: list[TextPiece]
    notes: list[str]
    """What is not said, and why."""


class Model(BaseModel):
    id: str
    created: int
    """Unix time in seconds."""
    object: Literal["model"] = "model"
    owned_by: str = "better-api"
    root: str = MODEL
    """The model that speaks under this name."""


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class ModelName(BaseModel):
    id: str
    name: str


class SpeechModelList(ModelList):
    """As OpenAI's list, and as Open WebUI reads it."""

    models: list[ModelName]


class _PredecessorRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    text: Input
    sr: Rate
    """Samples a second, of the answer too."""
    seed: Seed = None
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


class WavResponse(BaseModel):
    wav: Annotated[Float32Array, Tensor(axes=(Axis("n", 0, 2**31),), low=-1, high=1)]
    """[n] samples in ±1."""
    sr: int
