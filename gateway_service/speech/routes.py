"""Speech and models, as OpenAI's API has them."""

import logging
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from functools import partial

from fastapi import APIRouter, Response
from starlette.requests import ClientDisconnect

from client.chain import Chain, Lexicon
from gateway_service.gateway import Gateway, GatewayState
from gateway_service.service_errors import as_api_errors
from gateway_service.speech import speaking
from gateway_service.speech.events import speech_events
from gateway_service.speech.length import require_short, within
from gateway_service.speech.schemas import (
    MODEL,
    Model,
    ModelList,
    ModelName,
    SpeechModelList,
    SpeechRequest,
    TextPiece,
    TextRequest,
    TextResponse,
)
from gateway_service.speech.speaking import Sentence
from gateway_service.speech.stream import MEDIA_TYPES, encode
from gateway_service.storage.database import in_storage_thread
from gateway_service.string_limits import ModelPath
from gateway_service.voices.library import Voice, find_preset
from shared.http.app import Slot
from shared.http.errors import ApiError, NotFound
from shared.http.json_routes import ChunksResponse, JsonRoute
from shared.http.openapi import BINARY, QUEUED, content, errors
from shared.http.request_log import note_problem
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

log = logging.getLogger("better")
router = APIRouter(prefix="/v1", tags=["speech"], route_class=JsonRoute)

EVENT_STREAM = "text/event-stream"
_CREATED = 1_795_392_000  # 23 November 2026
_NAMES = [MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
_MODELS = {name: Model(id=name, created=_CREATED) for name in _NAMES}
_DATE = re.compile(r"-\d{4}(-\d{2}-\d{2})?$")  # as in gpt-4o-mini-tts-2025-12-15, tts-1-1106
_SOUND = content(BINARY, *MEDIA_TYPES.values(), events=True)
_ERRORS = QUEUED | errors(404, 502)


@router.post("/audio/speech", response_class=Response, responses=_SOUND | _ERRORS)
async def create_speech(request: SpeechRequest, gateway: GatewayState, slot: Slot) -> Response:
    """A text in a voice, sent as it is made."""
    pieces = speaking.pieces_of(request.input, text_format=request.text_format)
    voice = await _voice(gateway, request.voice)
    start = partial(_begin, gateway, request, pieces, voice.embed)
    chunks = or_break_off(await slot.stream(start))
    with_events = request.stream_format == "sse"
    kind = EVENT_STREAM if with_events else MEDIA_TYPES[request.response_format]
    answer = ChunksResponse(chunks, kind)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would hold the first sounds back
    if notes := speaking.left_out(request.input):
        answer.headers["X-Notes"] = "; ".join(notes)
    return answer


@router.post("/text", responses=_ERRORS)
async def read_text(request: TextRequest, gateway: GatewayState, slot: Slot) -> TextResponse:
    """What would be said, piece by piece, without making any sound."""
    pieces = speaking.pieces_of(request.input, text_format=request.text_format)
    spoken = await slot.run(partial(_spoken, gateway.chain, pieces, request.lexicon))
    return TextResponse(
        pieces=[
            TextPiece(
                source=request.input[slice(*piece.content.source)], spoken=said, pause=piece.pause
            )
            for piece, said in zip(pieces, spoken, strict=True)
        ],
        notes=speaking.left_out(request.input),
    )


def _spoken(chain: Chain, pieces: list[Piece], lexicon: Lexicon | None) -> list[str]:
    with as_api_errors({"texts": "input", "lexicon": "lexicon"}):
        return chain.spoken([piece.text for piece in pieces], lexicon)


@router.get("/models")
async def list_models() -> ModelList:
    """List the model, and OpenAI's names for it; `root` is the model that speaks."""
    return ModelList(data=list(_MODELS.values()))


@router.get("/audio/models")
async def list_speech_models() -> SpeechModelList:
    """List the models as Open WebUI asks for them. Needs no key."""
    models = list(_MODELS.values())
    names = [ModelName(id=model.id, name=model.id) for model in models]
    return SpeechModelList(data=models, models=names)


@router.get("/models/{name}")
async def retrieve_model(name: ModelPath) -> Model:
    """Get a model by its name, with or without a version's date."""
    if model := _MODELS.get(_DATE.sub("", name)):
        return model.model_copy(update={"id": name})
    raise NotFound(
        f"model: {name[:80]!r} is not here; {MODEL} is, and it speaks whatever model is named",
        param="model",
        code="model_not_found",
    )


async def or_break_off(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """An answer that has begun cannot become an error any more: its connection is closed before
    its end, so that nobody takes it for whole."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield chunk
        except ApiError as error:
            # Not its message, which may quote the text.
            note_problem(error.code)
            log.warning("speech was broken off: %s, %s", type(error).__name__, error.code)
            raise ClientDisconnect from error


async def _voice(gateway: Gateway, name_or_id: str) -> Voice:
    """Presets speak whatever the database and its threads do."""
    if preset := find_preset(name_or_id):
        return preset
    return await in_storage_thread(gateway.voices.find, name_or_id)


def _begin(
    gateway: Gateway, request: SpeechRequest, pieces: list[Piece], embed: Float32Array
) -> Iterator[bytes]:
    chain, most = gateway.chain, gateway.settings.max_speech_seconds
    speaking.check(chain, pieces, lexicon=request.lexicon)
    require_short(chain, pieces, request.speed, most, lexicon=request.lexicon)
    with_events = request.stream_format == "sse"
    made = speaking.synthesize(
        chain,
        pieces,
        embed,
        speed=request.speed,
        seed=request.seed,
        attention=with_events and request.details,
        lexicon=request.lexicon,
    )
    sentences: Iterable[Sentence] = within(made, most)
    samples = None
    if request.response_format == "flac":
        # Many readers refuse a FLAC file that does not say its length, so that has to be known.
        sentences = list(sentences)
        samples = sum(sentence.samples for sentence in sentences)

    def encoded(sentences: Iterable[Sentence]) -> Iterator[bytes]:
        sound = speaking.sound_of(chain, sentences, request.seed)
        return encode(sound, request.response_format, samples)

    if not with_events:
        return encoded(sentences)
    return speech_events(sentences, encoded, count=len(pieces), characters=len(request.input))
