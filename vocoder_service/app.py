"""The vocoder: a mel spectrogram in, sound out."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

from fastapi import Depends, Response

from shared.audio.files import MEDIA_TYPES
from shared.http.admission import ComputeSlot
from shared.http.app import Slot, create_app, get_model
from shared.http.json_routes import ChunksResponse, HeldResponse
from shared.http.openapi import BINARY, QUEUED, content
from vocoder_service import inference
from vocoder_service.answer import Answer
from vocoder_service.schemas import SpecRequest, WavResponse
from vocoder_service.settings import NETWORK_NAMES, settings

app = create_app(
    service="vocoder",
    summary=f"Turns a mel spectrogram into sound, by {NETWORK_NAMES[settings.vocoder]}: JSON, or a "
    "sound file sent as it is made.",
    settings=settings,
    load=partial(inference.load, settings),
    example=inference.example,
    concurrency=settings.concurrency,
    threads=settings.compute_threads,
)
Network = Annotated[inference.Vocoder, Depends(get_model)]
_large_answers = ComputeSlot(settings.queue_limit, settings.queue_seconds, concurrency=2)
"""That are made and sent whole at a time: a minute of JSON at 48 kHz takes 32 MB."""
_SOUND = content(BINARY, *MEDIA_TYPES.values())


@app.post("/inference/", response_model=WavResponse, responses=_SOUND | QUEUED)
async def vocode(request: SpecRequest, answer: Answer, network: Network, slot: Slot) -> Response:
    """JSON with `wav`; or, by the Accept header, a sound file, sent as it is made."""
    answer.check_rate(request.sr)
    work = network, request, answer
    if not request.stream:
        async with AsyncExitStack() as hold:
            if inference.is_large(request):
                await hold.enter_async_context(_large_answers.turn())
            body = await slot.run(partial(inference.whole, *work))
            return HeldResponse(body, answer.media_type, hold.pop_all())
    chunks = await slot.stream(partial(inference.stream, *work))
    return ChunksResponse(chunks, media_type=answer.media_type)
