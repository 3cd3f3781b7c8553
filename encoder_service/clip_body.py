"""Reads the clip of a request: JSON, a sound file as the body, or a multipart form."""

from functools import partial
from typing import Annotated, Any

from fastapi import Request

from encoder_service.inference import Decode
from encoder_service.schemas import WavRequest, wav_tensor
from shared.audio.files import READ_FORMATS, Clip, listed, read_sound
from shared.http.errors import TooLarge, UnsupportedMediaType
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRequest, body_validation, media_type
from shared.http.openapi import sound_file
from shared.http.schemas import with_limits
from shared.http.tensors import Float32Array


class ClipReader:
    """FastAPI dependency: the clip of a request, as a function that decodes it.

    openapi: for the route's `openapi_extra`, since FastAPI cannot infer the body.
    """

    def __init__(self, max_seconds: float) -> None:
        self.max_seconds = max_seconds
        self._model = with_limits(WavRequest, wav=Annotated[Float32Array, wav_tensor(max_seconds)])
        content = {
            "application/json": {"schema": self._model.model_json_schema()},
            **sound_file(listed(READ_FORMATS)),
        }
        self.openapi: dict[str, Any] = {"requestBody": {"required": True, "content": content}}

    async def __call__(self, request: Request) -> Decode:
        """Raises UnsupportedMediaType, InvalidRequest or a validation error with the field."""
        kind = media_type(request)
        if kind == "multipart/form-data":
            return partial(read_sound, await uploaded_file(request), self.max_seconds)
        if kind.startswith("audio/"):
            return partial(read_sound, await request.body(), self.max_seconds)
        if kind == "application/json":
            assert isinstance(request, JsonRequest)
            return partial(Clip, *await request.read_json(self._wav_and_rate))
        raise UnsupportedMediaType(
            f"Content-Type is {kind[:80] or 'missing'}; send application/json, a sound file as "
            "audio/wav (or another audio type), or multipart/form-data with a file",
            param="content-type",
        )

    def _wav_and_rate(self, body: Any) -> tuple[Float32Array, int]:
        with body_validation():
            request = self._model.model_validate(body)
        seconds = len(request.wav) / request.sr
        if seconds > self.max_seconds:
            raise TooLarge(
                f"wav is {seconds:.0f} s long, the limit is {self.max_seconds:g} s; send a "
                "shorter clip",
                param="wav",
                code="clip_too_long",
            )
        return request.wav, request.sr
