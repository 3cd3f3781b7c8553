"""The encoder service: a few seconds of a voice in, its embedding out."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from encoder_service import clip_body, inference
from encoder_service.clip_body import ClipBody
from encoder_service.model import SpeakerEncoder
from encoder_service.schemas import EmbedResponse, WavResponse
from encoder_service.settings import settings
from shared.http.app import Slot, create_app, get_model
from shared.http.json_routes import ArrayResponse
from shared.http.openapi import QUEUED

app = create_app(
    service="encoder",
    summary="Turns a few seconds of a voice into its embedding: 256 numbers that identify it.",
    settings=settings,
    load=partial(inference.load, settings),
    example=inference.example,
)
Model = Annotated[SpeakerEncoder, Depends(get_model)]
AS_CLIP: dict[str, Any] = {"openapi_extra": clip_body.OPENAPI, "responses": QUEUED}


@app.post("/inference/", response_model=EmbedResponse, **AS_CLIP)
async def embed(decode: ClipBody, model: Model, slot: Slot) -> ArrayResponse:
    """The embedding of the voice in a clip: a JSON `wav` with its `sr`, or a sound file."""
    return ArrayResponse(await slot.run(partial(inference.embed, model, decode)))


@app.post("/preprocess/", response_model=WavResponse, **AS_CLIP)
async def preprocess(decode: ClipBody, slot: Slot) -> ArrayResponse:
    """The clip as the network gets it: 16 kHz, volume-normalised, long silences cut."""
    return ArrayResponse(await slot.run(partial(inference.clean, decode)))
