"""The synthesizer service: a text and a speaker embedding in, a mel spectrogram out."""

from functools import partial
from typing import Annotated

from fastapi import Depends

from shared.http.app import Slot, create_app, get_model
from shared.http.json_routes import ArrayResponse
from shared.http.openapi import QUEUED
from synthesizer_service import inference
from synthesizer_service.schemas import (
    CharsResponse,
    InferenceRequest,
    MelResponse,
    SpecResponse,
    TextsRequest,
)
from synthesizer_service.settings import settings
from synthesizer_service.tacotron.model import Tacotron

app = create_app(
    service="synthesizer",
    summary="Synthesize a text in a voice as a mel spectrogram of 80 bands, 80 frames per second.",
    settings=settings,
    load=partial(inference.load, settings),
    example=inference.example,
)
Model = Annotated[Tacotron, Depends(get_model)]


@app.post("/inference/", response_model=SpecResponse | MelResponse, responses=QUEUED)
@app.post("/generate/", response_model=SpecResponse | MelResponse, responses=QUEUED)
async def synthesize(request: InferenceRequest, model: Model, slot: Slot) -> ArrayResponse:
    """Synthesize one text (`text`, `embed`) or a padded batch (`chars`, `batched_embeds`).

    `/generate/` is an older name of this route.
    """
    return ArrayResponse(await slot.run(partial(inference.synthesize, model, request)))


@app.post("/chars/", response_model=CharsResponse)
def chars(request: TextsRequest) -> ArrayResponse:
    """Convert English texts to symbol ids, and show them as they will be spoken."""
    return ArrayResponse(inference.chars_of(request))
