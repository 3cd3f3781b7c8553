"""The synthesizer: a text and a voice's embedding in, a mel spectrogram out."""

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
    summary="Says a text in a voice, as a mel spectrogram: 80 bands, 80 frames a second.",
    settings=settings,
    load=partial(inference.load, settings),
    example=inference.example,
)
Model = Annotated[Tacotron, Depends(get_model)]


@app.post("/inference/", response_model=SpecResponse | MelResponse, responses=QUEUED)
@app.post("/generate/", response_model=SpecResponse | MelResponse, responses=QUEUED)
async def synthesize(request: InferenceRequest, model: Model, slot: Slot) -> ArrayResponse:
    """`text` and `embed` give one `spec`; `chars` and `batched_embeds` a padded batch, `mel`.

    /generate/ is the predecessor's name for it.
    """
    return ArrayResponse(await slot.run(partial(inference.synthesize, model, request)))


@app.post("/chars/", response_model=CharsResponse)
def chars(request: TextsRequest) -> ArrayResponse:
    """The symbol ids of English texts, and the texts as they will be said."""
    return ArrayResponse(inference.chars_of(request))
