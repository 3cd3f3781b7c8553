"""Speech and models, as OpenAI's API has them."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from fastapi import APIRouter, Response

from client.speech import Sentence
from gateway_service.gateway import Gateway, GatewayState
from gateway_service.service_calls import as_api_errors
from gateway_service.speech import speaking
from gateway_service.speech.dialogue import Dialogue
from gateway_service.speech.encoding import MEDIA_TYPES, SoundEncoder, encode_async
from gateway_service.speech.events import Encode, speech_events
from gateway_service.speech.length import require_short, within
from gateway_service.speech.responses import stream_in_slot
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
from gateway_service.storage.database import in_storage_thread
from gateway_service.string_limits import ModelPath
from gateway_service.voices.library import Voice, find_preset, find_voice_or_blend
from shared.http.app import Slot
from shared.http.errors import NotFound
from shared.http.json_routes import ChunksResponse, JsonRoute
from shared.http.openapi import BINARY, QUEUED, content, errors
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

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
    pieces, embeds = await pieces_and_voices(gateway, request)
    body = partial(_body, request, pieces)
    chunks = await stream_in_slot(slot, speech_body(gateway, request, pieces, embeds, body))
    with_events = request.stream_format == "sse"
    media_type = EVENT_STREAM if with_events else MEDIA_TYPES[request.response_format]
    response = ChunksResponse(chunks, media_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # or nginx would hold back the first sounds
    if notes := speaking.left_out(request.input):
        response.headers["X-Notes"] = "; ".join(notes)
    return response


@router.post("/text", responses=_ERRORS)
async def read_text(request: TextRequest, gateway: GatewayState, slot: Slot) -> TextResponse:
    """The words that would be spoken, piece by piece. No sound is made."""
    dialogue = Dialogue()
    dialogue.add(request.input, text_format=request.text_format)
    async with slot.turn():
        with as_api_errors({"texts": "input", "lexicon": "lexicon"}):
            texts = [piece.text for piece in dialogue.pieces]
            spoken = await gateway.async_chain.spoken(texts, request.lexicon)
    return TextResponse(
        pieces=[
            TextPiece(source=source, spoken=words, pause=piece.pause)
            for source, piece, words in zip(dialogue.sources, dialogue.pieces, spoken, strict=True)
        ],
        notes=speaking.left_out(request.input),
    )


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
        f"model: there is no {name[:80]!r}; the only model is {MODEL}, and speech accepts any name",
        param="model",
        code="model_not_found",
    )


async def find_voice(gateway: Gateway, asked: str) -> Voice:
    """Look up a name, an ID or a blend. A preset is found even while the database is away."""
    if preset := find_preset(asked):
        return preset
    return await in_storage_thread(find_voice_or_blend, gateway.voices, asked)


async def pieces_and_voices(
    gateway: Gateway, request: SpeechRequest
) -> tuple[list[Piece], Float32Array]:
    """The n pieces of a text, and the embedding [n, 256] that speaks each."""
    dialogue = Dialogue(request.voices or {})
    dialogue.add(request.input, text_format=request.text_format)
    own = (await find_voice(gateway, request.voice)).embed
    others = [(await find_voice(gateway, asked)).embed for asked in dialogue.asked]
    return dialogue.pieces, dialogue.each(own, others)


def _body(
    request: SpeechRequest,
    pieces: Sequence[Piece],
    sentences: AsyncGenerator[Sentence],
    encode: Encode,
) -> AsyncGenerator[bytes]:
    """A sound file, or events."""
    if request.stream_format == "sse":
        return speech_events(
            sentences,
            encode,
            count=len(pieces),
            characters=len(request.input),
            notes=speaking.left_out(request.input),
        )
    return encode(sentences)


async def speech_body(
    gateway: Gateway,
    request: SpeechRequest,
    pieces: Sequence[Piece],
    embeds: Float32Array,
    body: Callable[[AsyncGenerator[Sentence], Encode], AsyncGenerator[bytes]],
) -> AsyncGenerator[bytes]:
    """The body of a response of speech, made by `body` from the sentences and their encoder.

    embeds: [n, 256], one for each piece.

    Raises ApiErrors.
    """
    chain, max_seconds = gateway.async_chain, gateway.settings.max_speech_seconds
    await speaking.check(chain, pieces, lexicon=request.lexicon)
    await require_short(chain, pieces, request.speed, max_seconds, lexicon=request.lexicon)
    with_events = request.stream_format == "sse"
    options = request.with_seed()
    sentences = within(
        speaking.synthesize(
            chain, pieces, embeds, options, attention=with_events and request.details
        ),
        max_seconds,
    )
    samples = None
    if request.response_format == "flac":
        # Many readers reject a FLAC file whose header has no length.
        made = [sentence async for sentence in sentences]
        samples, sentences = sum(sentence.samples for sentence in made), _each(made)

    def encode(sentences: AsyncGenerator[Sentence]) -> AsyncGenerator[bytes]:
        sound = speaking.sound_of(chain, sentences, options)
        return encode_async(
            sound, SoundEncoder(request.response_format, samples, gateway.settings.mark_with)
        )

    async with aclosing(body(sentences, encode)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _each(sentences: Sequence[Sentence]) -> AsyncGenerator[Sentence]:
    for sentence in sentences:
        yield sentence
