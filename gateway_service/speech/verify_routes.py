"""Whether sound was made by this gateway."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from fastapi import APIRouter, Request
from pydantic import BaseModel

from gateway_service.settings import settings
from shared.audio.formats import listed
from shared.audio.media import READ_FORMATS, stream_media
from shared.audio.watermark import SAMPLE_RATE, find_in_stream
from shared.http.admission import ComputeSlot
from shared.http.app import Slot
from shared.http.deadlines import check_connected
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRoute, media_type
from shared.http.openapi import QUEUED, sound_file
from shared.http.tensors import Float32Array

router = APIRouter(prefix="/v1/audio", tags=["speech"], route_class=JsonRoute)

_BODY = {"requestBody": {"required": True, "content": sound_file(listed(READ_FORMATS))}}

_turns = ComputeSlot(settings.queue_limit, settings.queue_seconds, share=settings.caller_share)
"""One file at a time: ten minutes of sound take half a minute, and several of them would hold the
slots of all who want to speak."""


class Verdict(BaseModel):
    marked: bool
    """Whether the mark of this gateway's WATERMARK_KEY is in it."""
    score: float
    """By how many standard deviations the sound follows the mark, 1.5 less where it was found at
    another speed; marked from 6 on."""
    seconds: float
    """Of sound that was searched. Under 3 s of speech a mark may be missed."""


@router.post("/verify", openapi_extra=_BODY, responses=QUEUED)
async def verify(request: Request, slot: Slot) -> Verdict:
    """Look for the inaudible mark in a sound file: the body itself, or `file` of a form."""
    is_form = media_type(request) == "multipart/form-data"
    data = await (uploaded_file(request) if is_form else request.body())
    async with _turns.turn():
        return await slot.run(partial(_verdict, data))


def _verdict(data: bytes) -> Verdict:
    with closing(stream_media(data, SAMPLE_RATE, settings.max_verified_seconds)) as sound:
        finding = find_in_stream(_while_awaited(sound), settings.watermark_key.get_secret_value())
    return Verdict(marked=finding.found, score=finding.score, seconds=finding.seconds)


def _while_awaited(sound: Iterator[Float32Array]) -> Iterator[Float32Array]:
    for block in sound:
        check_connected()
        yield block
