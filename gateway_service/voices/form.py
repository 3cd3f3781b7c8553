"""Reads the forms with samples of a voice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from gateway_service.gateway import Gateway, GatewayState
from gateway_service.settings import Settings
from gateway_service.string_limits import MAX_FILE_NAME_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS, require_consent
from gateway_service.voices.export import VoiceFile, read_voice_file
from shared.audio.formats import listed
from shared.audio.media import READ_FORMATS
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.forms import open_form
from shared.http.json_routes import media_type
from shared.http.openapi import BINARY
from shared.settings import MIB

_MAX_FILE_NAME = 100
_MAX_FIELDS = 100
_SAMPLE = {
    "oneOf": [BINARY, {"type": "array", "items": BINARY}],
    "description": f"{listed(READ_FORMATS)}; the field may be repeated",
}


def _openapi(properties: dict[str, Any]) -> dict[str, Any]:
    """The request body, which FastAPI cannot derive from a dependency. All fields are required."""
    schema = {"type": "object", "required": [*properties], "properties": properties}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


OPENAPI = _openapi(
    {
        "name": {
            "type": "string",
            "maxLength": MAX_VOICE_CHARACTERS,
            "description": "the voice's name, by which it is asked for",
        },
        "audio_sample": _SAMPLE,
        "consent": {
            "type": "string",
            "maxLength": MAX_CONSENT_CHARACTERS,
            "description": "who allowed this voice to be cloned, and for what",
        },
    }
)
OPENAPI["requestBody"]["content"]["application/json"] = {
    "schema": {"$ref": "#/components/schemas/VoiceFile"}
}
SAMPLES_OPENAPI = _openapi({"audio_sample": _SAMPLE})


@dataclass(frozen=True)
class Sample:
    """A sound file under the name it was sent with."""

    file: str
    data: bytes


@dataclass(frozen=True)
class VoiceForm:
    name: str
    consent: str
    samples: list[Sample]


async def read_new_voice(request: Request, gateway: GatewayState) -> VoiceForm | VoiceFile:
    """A form with samples, or the file of a voice as JSON.

    Raises UnsupportedMediaType, TooLarge or InvalidRequest, which names the field.
    """
    if media_type(request) == "application/json":
        return await read_voice_file(request)
    return await read_voice_form(request, gateway)


async def read_voice_form(request: Request, gateway: GatewayState) -> VoiceForm:
    """Raises UnsupportedMediaType, TooLarge or InvalidRequest, which names the field."""
    async with _open_voice_form(request, gateway, "name, audio_sample and consent") as form:
        return VoiceForm(
            name=_name(form),
            consent=_consent(form),
            samples=await _samples(form, gateway.settings),
        )


async def read_samples(request: Request, gateway: GatewayState) -> list[Sample]:
    """The samples of a form whose other fields are ignored. Raises as `read_voice_form`."""
    async with _open_voice_form(request, gateway, "audio_sample") as form:
        return await _samples(form, gateway.settings)


@asynccontextmanager
async def _open_voice_form(
    request: Request, gateway: Gateway, fields: str
) -> AsyncIterator[FormData]:
    """fields: names for the message."""
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            f"samples come in a form; send multipart/form-data with {fields}, as curl does with "
            "-F, or the file of a voice as application/json",
            param="content-type",
        )
    max_files = gateway.settings.max_samples
    async with open_form(request, "audio_sample", files=max_files, fields=_MAX_FIELDS) as form:
        if form.get("type", "audio_sample") != "audio_sample":
            raise InvalidRequest(
                "type: must be audio_sample, the only source of a voice here", param="type"
            )
        yield form


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _name(form: FormData) -> str:
    name = _text(form, "name")
    if len(name) > MAX_VOICE_CHARACTERS:
        raise InvalidRequest(
            f"name: has {len(name)} characters, must have at most {MAX_VOICE_CHARACTERS}; send a "
            "shorter one",
            param="name",
            code="string_too_long",
        )
    if not name.strip():
        raise InvalidRequest("name: is missing; send a text", param="name")
    return name.strip()


def _consent(form: FormData) -> str:
    text = _text(form, "consent")
    require_consent(text)
    return text.strip()


async def _samples(form: FormData, settings: Settings) -> list[Sample]:
    parts = [part for name in ("audio_sample", "audio_sample[]") for part in form.getlist(name)]
    if not parts:
        raise _invalid("is missing; send one or several sound files of the voice")
    samples = []
    for part in parts:
        if not isinstance(part, UploadFile):
            raise _invalid("is a text; send a sound file, with curl -F audio_sample=@clip.wav")
        if (part.size or 0) > settings.max_sample_bytes:
            raise TooLarge(
                f"audio_sample: {_name_of(part)} is over {settings.max_sample_bytes / MIB:g} MiB; "
                "send a shorter clip (ten seconds are plenty) or a compressed file",
                param="audio_sample",
                code="sample_too_large",
            )
        samples.append(Sample(_name_of(part), await part.read()))
    return samples


def _name_of(part: UploadFile) -> str:
    name = part.filename or "sample"
    if len(name) > MAX_FILE_NAME_CHARACTERS:
        raise _invalid(
            f"a file's name has {len(name)} characters, at most {MAX_FILE_NAME_CHARACTERS} are "
            "taken; rename it"
        )
    return name[:_MAX_FILE_NAME]


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"audio_sample: {problem}", param="audio_sample")


NewVoice = Annotated[VoiceForm | VoiceFile, Depends(read_new_voice)]
Samples = Annotated[list[Sample], Depends(read_samples)]
