"""The predecessor's calls: a clip or an embedding and a text in, sound as JSON out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import orjson
from fastapi import APIRouter

from client.options import SpeechOptions
from client.wav_stream import Int16Array
from gateway_service.gateway import Gateway, GatewayState
from gateway_service.service_calls import as_api_errors
from gateway_service.settings import Settings
from gateway_service.speech import speaking
from gateway_service.speech.encoding import MarkedSound, encode_async
from gateway_service.speech.length import require_short, within
from gateway_service.speech.responses import stream_in_slot
from gateway_service.speech.schemas import EmbedRequest, WavRequest, WavResponse
from gateway_service.voices.consent import require_consent
from shared.audio.files import Clip
from shared.http.app import Slot
from shared.http.json_routes import ChunksResponse, JsonRoute
from shared.http.openapi import QUEUED, errors
from shared.http.tensors import Float32Array

router = APIRouter(tags=["predecessor"], route_class=JsonRoute, responses=QUEUED | errors(502))


@router.post("/inference-c/", response_model=WavResponse)
async def speak_as_clip(request: WavRequest, gateway: GatewayState, slot: Slot) -> ChunksResponse:
    """The text in the voice of `wav`, at its rate."""
    _require_consent(request, gateway.settings)
    chunks = await stream_in_slot(slot, _in_voice_of_clip(gateway, request))
    return ChunksResponse(chunks, "application/json")


@router.post("/inference-w/", response_model=WavResponse)
async def speak_as_embed(
    request: EmbedRequest, gateway: GatewayState, slot: Slot
) -> ChunksResponse:
    """The text in the voice of `embed`, at the rate `sr`."""
    _require_consent(request, gateway.settings)
    chunks = await stream_in_slot(slot, _in_voice(gateway, request, request.embed))
    return ChunksResponse(chunks, "application/json")


def _require_consent(request: WavRequest | EmbedRequest, settings: Settings) -> None:
    """Optional where only this machine can reach the gateway: its user answers for the voices."""
    if request.consent is not None or settings.is_reached_by_others:
        require_consent(request.consent)


async def _in_voice_of_clip(gateway: Gateway, request: WavRequest) -> AsyncGenerator[bytes]:
    with as_api_errors({"wav": "wav", "sr": "sr", "file": "wav"}):
        embed = await gateway.async_chain.embed(Clip(request.wav, request.sr))
    async with aclosing(_in_voice(gateway, request, embed)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _in_voice(
    gateway: Gateway, request: WavRequest | EmbedRequest, embed: Float32Array
) -> AsyncGenerator[bytes]:
    chain, max_seconds = gateway.async_chain, gateway.settings.max_speech_seconds
    pieces = speaking.pieces_of(request.text, field="text")
    await speaking.check(chain, pieces, field="text")
    await require_short(chain, pieces, 1.0, max_seconds, field="text")
    options = SpeechOptions(seed=request.seed).with_seed()
    sentences = speaking.synthesize(chain, pieces, embed, options, field="text")
    within_limit = within(sentences, max_seconds, field="text")
    sound = speaking.sound_of(chain, within_limit, options)
    async with aclosing(
        encode_async(sound, JsonEncoder(request.sr, gateway.settings.mark_with))
    ) as chunks:
        async for chunk in chunks:
            yield chunk


class JsonEncoder:
    """{"sr", "wav"} in JSON, with samples in ±1. The first samples bring the first bytes."""

    def __init__(self, rate: int, watermark_key: str | None) -> None:
        self._sound = MarkedSound(rate, watermark_key)
        self._before = b'{"sr":%d,"wav":[' % rate

    def encode(self, samples: Int16Array) -> bytes:
        return self._values(self._sound.process(samples))

    def flush(self) -> bytes:
        rest = self._values(self._sound.flush())
        end = b"]}" if self._before == b"," else self._before + b"]}"
        return rest + end

    def close(self) -> None:
        pass

    def _values(self, wav: Float32Array) -> bytes:
        if not len(wav):
            return b""
        before, self._before = self._before, b","
        clipped = np.clip(wav, -1, 1)  # resampling overshoots
        return before + orjson.dumps(clipped, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
