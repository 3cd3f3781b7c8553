"""Requests and responses of speech, as OpenAI's API and the predecessor's name them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from client.async_chain import EMBED_SIZE
from client.options import Flag, Seed, SpeechOptions, TextOptions, lower_case
from gateway_service.speech.dialogue import MAX_VOICES
from gateway_service.speech.encoding import ResponseFormat
from gateway_service.string_limits import MAX_MODEL_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS
from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE
from shared.http.json_routes import MAX_JSON_VALUES
from shared.http.schemas import RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor

MAX_INPUT_CHARACTERS = 4096
MODEL = "better-tts"


def _error(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("speech", "{message}", {"message": message, "code": code})


def _require_length(text: Any) -> Any:
    if text == "":
        raise _error("empty", "is empty; send some text")
    if isinstance(text, str) and len(text) > MAX_INPUT_CHARACTERS:
        raise _error(
            "too_long",
            f"has {len(text)} characters, the limit of one request is {MAX_INPUT_CHARACTERS}; "
            "send it as a job, POST /v1/jobs",
        )
    return text


def _name_of(voice: Any) -> Any:
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(name, str):
        raise _error("wrong_type", 'must be the name of a voice, or {"id": …}')
    return name


Input = Annotated[
    str,
    BeforeValidator(_require_length),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_INPUT_CHARACTERS}),
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
SoundFormatName = Annotated[ResponseFormat, BeforeValidator(lower_case)]
Rate = Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)]
Consent = Annotated[str, WithJsonSchema({"type": "string", "maxLength": MAX_CONSENT_CHARACTERS})]


class VoiceChoice(RequestModel):
    """The voices of a text, for speech and jobs alike."""

    voice: VoiceName
    """A voice's name, {"id": …}, or a blend as ash(2)+birch(1); GET /v1/audio/voices lists them."""
    voices: Annotated[dict[VoiceName, VoiceName], Field(max_length=MAX_VOICES)] | None = None
    """Names in the text and their voices, {"Ada": "birch"}, for lines such as [voice: Ada]."""


class VoiceAndFormat(VoiceChoice):
    """The options that name something of the gateway."""

    response_format: SoundFormatName = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian."""


class SpokenInput(RequestModel):
    input: Input
    """The text to speak."""


class SpeechRequest(SpeechOptions, VoiceAndFormat, SpokenInput):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "Hello, this is my voice.", "voice": "rowan"}]}
    )

    model: Annotated[str, Field(max_length=MAX_MODEL_CHARACTERS)] = MODEL
    """Any name is taken: there is one model."""
    stream_format: Annotated[Literal["audio", "sse"], BeforeValidator(lower_case)] = "audio"
    """sse: the sound in base64 within events, with the usage at the end."""
    details: Flag = False
    """With sse: an event before each sentence holds its mel spectrogram and attention."""


class CaptionedSpeechRequest(SpeechRequest):
    """The request of Kokoro-FastAPI, whose other fields are ignored."""

    stream: Flag = True
    """Lines of JSON as the sound is made; otherwise one object."""
    return_timestamps: Flag = True
    """With the times of the words."""


class WordTimestamp(ResponseModel):
    word: str
    """The word as `input` has it."""
    start_time: float
    """Seconds from the beginning of the sound."""
    end_time: float
    """Seconds from the beginning of the sound."""


class CaptionedSpeech(ResponseModel):
    """One object, or the part of it on one line."""

    audio: str
    """The sound file, or a part of it, in base64."""
    audio_format: str
    """Its media type."""
    timestamps: list[WordTimestamp]
    """The words that are spoken in it."""


class TextRequest(TextOptions, SpokenInput):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "# Hello\n\nIt is **9:05**, and 20 °C."}]}
    )


class TextPiece(ResponseModel):
    source: str
    """The part of `input` that it comes from, with its markup."""
    spoken: str
    """The words that are spoken."""
    pause: float
    """Seconds of silence after it."""


class TextResponse(ResponseModel):
    object: Literal["text"] = "text"
    """Always text."""
    pieces: list[TextPiece]
    """The text in the pieces in which it is spoken."""
    notes: list[str]
    """The parts that were left out, and the reason."""


class Model(ResponseModel):
    id: str
    """Name of the model."""
    created: int
    """Unix time in seconds."""
    object: Literal["model"] = "model"
    """Always model."""
    owned_by: str = "better-api"
    """Always better-api."""
    root: str = MODEL
    """The model that speaks under this name."""


class ModelList(ResponseModel):
    object: Literal["list"] = "list"
    """Always list."""
    data: list[Model]
    """The models."""


class ModelName(ResponseModel):
    id: str
    """Name of the model."""
    name: str
    """The same."""


class SpeechModelList(ModelList):
    """OpenAI's list of models, with the fields that Open WebUI reads."""

    models: list[ModelName]
    """The models, as Open WebUI reads them."""


class _LegacyRequest(RequestModel):
    text: Input
    """The text to speak."""
    sr: Rate
    """Samples per second, of the response too."""
    seed: Seed = None
    """The same request and seed give the same sound."""
    consent: Consent | None = None
    """The statement of who agreed to the cloning of this voice, and to which use; required where
    others can reach the gateway."""


class WavRequest(_LegacyRequest):
    wav: Annotated[
        Float32Array, Tensor(axes=(Axis("n", 1, MAX_JSON_VALUES),), low=-MAX_ABS, high=MAX_ABS)
    ]
    """[n] samples in ±1: the voice."""


class EmbedRequest(_LegacyRequest):
    embed: Annotated[
        Float32Array, Tensor(axes=(Axis("E", EMBED_SIZE, EMBED_SIZE),), low=-1, high=1)
    ]
    """[256]: the voice, an embedding of the encoder."""


class WavResponse(ResponseModel):
    wav: Annotated[Float32Array, Tensor(axes=(Axis("n", 0, 2**31),), low=-1, high=1)]
    """[n] samples in ±1."""
    sr: int
    """Sampling rate in Hz."""
