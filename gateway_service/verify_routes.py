"""Whether sound was made by this gateway."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from gateway_service.settings import settings
from shared.api_document import BINARY, QUEUED
from shared.app import Slot
from shared.errors import InvalidRequest
from shared.media import read_media
from shared.watermark import SAMPLE_RATE, find
from shared.wire import WireRoute, media_type

router = APIRouter(prefix="/v1/audio", tags=["speech"], route_class=WireRoute)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": BINARY}}
            },
            "audio/*": {"schema": BINARY},
        },
    }
}


class Verdict(BaseModel):
    marked: bool
    """Whether the mark of this gateway's WATERMARK_KEY is in it."""
    score: float
    """By how many standard deviations the sound follows the mark; marked from 6 on."""
    seconds: float
    """Of sound that was searched. Under 3 s of speech a mark may be missed."""


@router.post("/verify", openapi_extra=_BODY, responses=QUEUED)
async def verify(request: Request, slot: Slot) -> Verdict:
    """Look for the inaudible mark in a sound file: the body itself, or `file` of a form."""
    data = await _sound_file(request)
    return await slot.run(partial(_verdict, data))


async def _sound_file(request: Request) -> bytes:
    if media_type(request) != "multipart/form-data":
        return await request.body()
    async with request.form(max_files=1, max_fields=8) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest(
                "the form has no file in a field named file; curl sends one with -F file=@clip.wav",
                param="file",
            )
        return await file.read()


def _verdict(data: bytes) -> Verdict:
    wav = read_media(data, SAMPLE_RATE, settings.max_verified_seconds)
    finding = find(wav, settings.watermark_key.get_secret_value())
    return Verdict(marked=finding.found, score=finding.score, seconds=finding.seconds)
