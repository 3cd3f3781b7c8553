"""Reads the reference clip of a request: JSON, a sound file as the body, or a multipart form."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request

from encoder_service.inference import Decode
from encoder_service.schemas import WavRequest
from encoder_service.settings import settings
from shared.audio.files import READ_FORMATS, Clip, listed, read_sound
from shared.http.errors import TooLarge, UnsupportedMediaType
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRequest, body_validation, media_type
from shared.http.openapi import sound_file
from shared.http.tensors import Float32Array

OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": WavRequest.model_json_schema()},
            **sound_file(listed(READ_FORMATS)),
        },
    }
}
"""What FastAPI cannot read off the dependency."""


async def read_clip(request: Request) -> Decode:
    """Raises UnsupportedMediaType, InvalidRequest or a validation error that names the field."""
    kind = media_type(request)
    if kind == "multipart/form-data":
        return partial(read_sound, await uploaded_file(request), settings.max_clip_seconds)
    if kind.startswith("audio/"):
        return partial(read_sound, await request.body(), settings.max_clip_seconds)
    if kind == "application/json":
        assert isinstance(request, JsonRequest)
        return partial(Clip, *await request.read_json(_wav_and_rate))
    raise UnsupportedMediaType(
        f"Content-Type is {kind[:80] or 'missing'}; send application/json, a sound file as "
        "audio/wav (or another audio type), or multipart/form-data with a file",
        param="content-type",
    )


def _wav_and_rate(body: Any) -> tuple[Float32Array, int]:
    with body_validation():
        request = WavRequest.model_validate(body)
    seconds = len(request.wav) / request.sr
    if seconds > settings.max_clip_seconds:
        raise TooLarge(
            f"wav is {seconds:.0f} s long, at most {settings.max_clip_seconds:g} s are read; "
            "send a shorter clip",
            param="wav",
            code="clip_too_long",
        )
    return request.wav, request.sr


ClipBody = Annotated[Decode, Depends(read_clip)]
