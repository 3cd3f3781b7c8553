"""Reads the reference clip of a request: JSON, a sound file as the body, or a multipart form."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request

from encoder_service.inference import Decode
from encoder_service.recordings import read_recording, shortened
from encoder_service.schemas import WavRequest
from encoder_service.settings import settings
from shared.audio.files import READ_FORMATS, Clip
from shared.audio.formats import listed
from shared.http.errors import UnsupportedMediaType
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRequest, body_validation, media_type
from shared.http.openapi import sound_file

OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": WavRequest.model_json_schema()},
            **sound_file(listed(READ_FORMATS)),
        },
    }
}
"""The request body, which FastAPI cannot derive from the dependency."""


async def read_clip(request: Request) -> Decode:
    """Raises UnsupportedMediaType, InvalidRequest or a validation error that names the field."""
    kind = media_type(request)
    if kind == "multipart/form-data":
        return partial(read_recording, await uploaded_file(request), settings.max_clip_seconds)
    if kind.startswith("audio/"):
        return partial(read_recording, await request.body(), settings.max_clip_seconds)
    if kind == "application/json":
        assert isinstance(request, JsonRequest)
        clip = await request.read_json(_wav_and_rate)
        return partial(shortened, clip, settings.max_clip_seconds)
    raise UnsupportedMediaType(
        f"Content-Type is {kind[:80] or 'missing'}; send application/json, a sound file as "
        "audio/wav (or another audio type), or multipart/form-data with a file",
        param="content-type",
    )


def _wav_and_rate(body: Any) -> Clip:
    with body_validation():
        request = WavRequest.model_validate(body)
    return Clip(request.wav, request.sr)


ClipBody = Annotated[Decode, Depends(read_clip)]
"""Decodes the request's clip; called in the compute thread."""
