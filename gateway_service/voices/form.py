"""Reads the form that makes a voice."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from gateway_service.gateway import GatewayState
from gateway_service.settings import Settings
from gateway_service.string_limits import MAX_FILE_NAME_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS, require_consent
from gateway_service.voices.export import VoiceFile, read_voice_file
from shared.audio.files import listed
from shared.audio.media import READ_FORMATS
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.forms import open_form
from shared.http.json_routes import media_type
from shared.http.openapi import BINARY
from shared.settings import MIB

_MAX_FILE_NAME = 100
_FIELDS = 100  # that are read at all
OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["name", "audio_sample", "consent"],
                    "properties": {
                        "name": {"type": "string", "maxLength": MAX_VOICE_CHARACTERS},
                        "audio_sample": {
                            "oneOf": [BINARY, {"type": "array", "items": BINARY}],
                            "description": f"{listed(READ_FORMATS)}; the field may be repeated",
                        },
                        "consent": {
                            "type": "string",
                            "maxLength": MAX_CONSENT_CHARACTERS,
                            "description": "who allowed this voice to be cloned, and for what",
                        },
                    },
                }
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/VoiceFile"}},
        },
    }
}
"""What FastAPI cannot read off the dependency."""


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
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            "a voice is made from a form: send multipart/form-data with name, audio_sample and "
            "consent, as curl does with -F; or send the file of a voice as application/json",
            param="content-type",
        )
    most = gateway.settings.max_samples
    async with open_form(request, "audio_sample", files=most, fields=_FIELDS) as form:
        if form.get("type", "audio_sample") != "audio_sample":
            raise InvalidRequest(
                "type: voices are made from audio_sample here, and from nothing else", param="type"
            )
        return VoiceForm(
            name=_name(form),
            consent=_consent(form),
            samples=await _samples(form, gateway.settings),
        )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _name(form: FormData) -> str:
    name = _text(form, "name")
    if len(name) > MAX_VOICE_CHARACTERS:
        raise InvalidRequest(
            f"name: has {len(name)} characters, at most {MAX_VOICE_CHARACTERS} are taken; send a "
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
