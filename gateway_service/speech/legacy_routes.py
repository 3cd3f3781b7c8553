"""The predecessor's calls: a clip or an embedding and a text in, sound as JSON out."""

from collections.abc import Iterator
from functools import partial

from fastapi import APIRouter

from gateway_service.gateway import Gateway, GatewayState
from gateway_service.service_errors import as_api_errors
from gateway_service.settings import Settings
from gateway_service.speech import speaking
from gateway_service.speech.length import require_short, within
from gateway_service.speech.routes import or_break_off
from gateway_service.speech.schemas import EmbedRequest, WavRequest, WavResponse
from gateway_service.speech.stream import resampled
from gateway_service.voices.consent import require_consent
from shared.audio.files import Clip
from shared.http.app import Slot
from shared.http.json_routes import ChunksResponse, JsonRoute, wav_json_stream
from shared.http.openapi import QUEUED, errors
from shared.http.tensors import Float32Array

router = APIRouter(tags=["predecessor"], route_class=JsonRoute, responses=QUEUED | errors(502))


@router.post("/inference-c/", response_model=WavResponse)
async def speak_as_clip(request: WavRequest, gateway: GatewayState, slot: Slot) -> ChunksResponse:
    """The text in the voice of `wav`, at its rate."""
    _require_consent(request, gateway.settings)
    chunks = await slot.stream(partial(_in_voice_of_clip, gateway, request))
    return ChunksResponse(or_break_off(chunks), "application/json")


@router.post("/inference-w/", response_model=WavResponse)
async def speak_as_embed(
    request: EmbedRequest, gateway: GatewayState, slot: Slot
) -> ChunksResponse:
    """The text in the voice of `embed`, at the rate `sr`."""
    _require_consent(request, gateway.settings)
    chunks = await slot.stream(partial(_in_voice, gateway, request, request.embed))
    return ChunksResponse(or_break_off(chunks), "application/json")


def _require_consent(request: WavRequest | EmbedRequest, settings: Settings) -> None:
    """The user of a gateway that serves this machine alone answers for the voices on it."""
    if request.consent is not None or settings.is_reached_by_others:
        require_consent(request.consent)


def _in_voice_of_clip(gateway: Gateway, request: WavRequest) -> Iterator[bytes]:
    with as_api_errors({"wav": "wav", "sr": "sr", "file": "wav"}):
        embed = gateway.chain.embed(Clip(request.wav, request.sr))
    return _in_voice(gateway, request, embed)


def _in_voice(
    gateway: Gateway, request: WavRequest | EmbedRequest, embed: Float32Array
) -> Iterator[bytes]:
    chain, most = gateway.chain, gateway.settings.max_speech_seconds
    pieces = speaking.pieces_of(request.text, field="text")
    speaking.check(chain, pieces, field="text")
    require_short(chain, pieces, 1.0, most, field="text")
    sentences = speaking.synthesize(chain, pieces, embed, seed=request.seed, field="text")
    sound = speaking.sound_of(chain, within(sentences, most, field="text"), request.seed)
    marked = resampled(sound, request.sr, gateway.settings.mark_with)
    return wav_json_stream(marked, request.sr)
