"""Reads the clip of a request: JSON, a sound file as the body, or a multipart form."""

from functools import partial
from typing import Any

from fastapi import Request

from encoder_service.inference import Decode
from encoder_service.recordings import read_recording, shortened
from encoder_service.schemas import WavRequest
from shared.audio.files import READ_FORMATS, Clip
from shared.audio.formats import listed
from shared.http.errors import UnsupportedMediaType
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRequest, body_validation, media_type
from shared.http.openapi import sound_file


class ClipReader:
    """FastAPI dependency: the clip of a request, as a function that decodes it.

    openapi: for the route's `openapi_extra`, since FastAPI cannot infer the body.
    """

    def __init__(self, max_seconds: float) -> None:
        self.max_seconds = max_seconds
        content = {
            "application/json": {"schema": WavRequest.model_json_schema()},
            **sound_file(listed(READ_FORMATS)),
        }
        self.openapi: dict[str, Any] = {"requestBody": {"required": True, "content": content}}

    async def __call__(self, request: Request) -> Decode:
        """Raises UnsupportedMediaType, InvalidRequest or a validation error with the field."""
        kind = media_type(request)
        if kind == "multipart/form-data":
            return partial(read_recording, await uploaded_file(request), self.max_seconds)
        if kind.startswith("audio/"):
            return partial(read_recording, await request.body(), self.max_seconds)
        if kind == "application/json":
            assert isinstance(request, JsonRequest)
            clip = await request.read_json(_clip_of)
            return partial(shortened, clip, self.max_seconds)
        raise UnsupportedMediaType(
            f"Content-Type is {kind[:80] or 'missing'}; send application/json, a sound file as "
            "audio/wav (or another audio type), or multipart/form-data with a file",
            param="content-type",
        )


def _clip_of(body: Any) -> Clip:
    with body_validation():
        request = WavRequest.model_validate(body)
    return Clip(request.wav, request.sr)
