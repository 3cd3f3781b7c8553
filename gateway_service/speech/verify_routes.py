"""Detection of the watermark: whether a sound was made by this gateway."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from fastapi import APIRouter, Request

from gateway_service.gateway import GatewayState
from gateway_service.settings import Settings
from shared.audio.formats import listed
from shared.audio.media import READ_FORMATS, stream_media
from shared.audio.watermark import SAMPLE_RATE, find_in_stream
from shared.http.app import Slot
from shared.http.deadlines import check_connected
from shared.http.forms import uploaded_file
from shared.http.json_routes import JsonRoute, media_type
from shared.http.openapi import QUEUED, sound_file
from shared.http.schemas import ResponseModel
from shared.http.tensors import Float32Array

router = APIRouter(prefix="/v1/audio", tags=["speech"], route_class=JsonRoute)

_BODY = {"requestBody": {"required": True, "content": sound_file(listed(READ_FORMATS))}}


class Verdict(ResponseModel):
    marked: bool
    """True if the sound holds the mark of this gateway's WATERMARK_KEY."""
    score: float
    """Standard deviations by which the sound follows the mark, less 1.5 if it was found at another
    speed. From 6 on the sound counts as marked."""
    seconds: float
    """Seconds of sound that were searched. In under 3 s of speech a mark may be missed."""


@router.post("/verify", openapi_extra=_BODY, responses=QUEUED)
async def verify(request: Request, gateway: GatewayState, slot: Slot) -> Verdict:
    """Look for the inaudible mark in a sound file: the body itself, or `file` of a form."""
    is_form = media_type(request) == "multipart/form-data"
    data = await (uploaded_file(request) if is_form else request.body())
    async with gateway.verify_slot.turn():
        return await slot.run(partial(_verdict, data, gateway.settings))


def _verdict(data: bytes, settings: Settings) -> Verdict:
    with closing(stream_media(data, SAMPLE_RATE, settings.max_verified_seconds)) as sound:
        finding = find_in_stream(_while_connected(sound), settings.watermark_key.get_secret_value())
    return Verdict(marked=finding.found, score=finding.score, seconds=finding.seconds)


def _while_connected(sound: Iterator[Float32Array]) -> Iterator[Float32Array]:
    for block in sound:
        check_connected()
        yield block
