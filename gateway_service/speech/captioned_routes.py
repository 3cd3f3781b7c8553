"""POST /dev/captioned_speech, as Kokoro-FastAPI answers it: sound in base64 with its word times."""

from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import APIRouter, Response

from client.async_chain import SAMPLE_RATE
from client.speech import Sentence
from gateway_service.gateway import GatewayState
from gateway_service.speech.encoding import MEDIA_TYPES
from gateway_service.speech.events import Encode
from gateway_service.speech.responses import stream_in_slot
from gateway_service.speech.routes import pieces_and_voices, speech_body
from gateway_service.speech.schemas import CaptionedSpeech, CaptionedSpeechRequest
from shared.captions import WordTime, shifted
from shared.http.app import Slot
from shared.http.json_routes import ChunksResponse, JsonRoute
from shared.http.openapi import QUEUED, Responses, errors

router = APIRouter(prefix="/dev", tags=["speech"], route_class=JsonRoute)
JSON_LINES = "application/x-ndjson"
_LINES: Responses = {200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}}


@router.post(
    "/captioned_speech",
    response_model=CaptionedSpeech,
    responses=_LINES | QUEUED | errors(404, 502),
)
async def create_captioned_speech(
    request: CaptionedSpeechRequest, gateway: GatewayState, slot: Slot
) -> Response:
    """A text in a voice, with the times of its words: JSON lines as it is made, or whole."""
    request = request.model_copy(update={"timestamps": request.return_timestamps})
    pieces, embeds = await pieces_and_voices(gateway, request)
    media_type = MEDIA_TYPES[request.response_format]

    def body(sentences: AsyncGenerator[Sentence], encode: Encode) -> AsyncGenerator[bytes]:
        return captioned_parts(sentences, encode, media_type)

    parts = await stream_in_slot(slot, speech_body(gateway, request, pieces, embeds, body))
    if request.stream:
        return ChunksResponse(parts, JSON_LINES)
    return Response(joined([part async for part in parts]), media_type="application/json")


async def captioned_parts(
    sentences: AsyncGenerator[Sentence], encode: Encode, media_type: str
) -> AsyncGenerator[bytes]:
    """A line of JSON for each part of the sound file, with the words that begin in it."""
    words: list[WordTime] = []

    async def observed() -> AsyncGenerator[Sentence]:
        samples = 0
        async with aclosing(sentences):
            async for sentence in sentences:
                words.extend(shifted(sentence.words or (), samples / SAMPLE_RATE))
                samples += sentence.samples
                yield sentence

    async with aclosing(encode(observed())) as parts:
        async for part in parts:
            yield orjson.dumps(_captioned(part, media_type, words)) + b"\n"
            words.clear()


def joined(lines: Sequence[bytes]) -> bytes:
    """The lines of `captioned_parts` as one object."""
    parts = [orjson.loads(line) for line in lines]
    sound = b"".join(b64decode(part["audio"]) for part in parts)
    times = [word for part in parts for word in part["timestamps"]]
    whole = {**parts[0], "audio": b64encode(sound).decode(), "timestamps": times}
    return orjson.dumps(whole)


def _captioned(sound: bytes, media_type: str, words: Sequence[WordTime]) -> dict[str, Any]:
    return {
        "audio": b64encode(sound).decode(),
        "audio_format": media_type,
        "timestamps": [
            {"word": word, "start_time": round(start, 3), "end_time": round(end, 3)}
            for word, start, end in words
        ],
    }
