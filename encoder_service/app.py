"""The encoder service: a few seconds of a voice in, its embedding out."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI

from encoder_service import inference
from encoder_service.clip_body import ClipReader
from encoder_service.inference import Decode
from encoder_service.model import SpeakerEncoder
from encoder_service.schemas import EmbedResponse, WavResponse
from encoder_service.settings import Settings
from shared.checkpoints.loading import weights_sha256
from shared.http.app import Slot, app_on_demand, create_app, get_model
from shared.http.json_routes import ArrayResponse
from shared.http.openapi import QUEUED
from shared.http.startup_errors import read_settings

Model = Annotated[SpeakerEncoder, Depends(get_model)]


def build_app(settings: Settings | None = None) -> FastAPI:
    """settings: from the environment if None."""
    settings = settings or read_settings(Settings)
    app = create_app(
        service="encoder",
        summary="Turns a few seconds of a voice into its embedding: 256 numbers that identify the "
        "speaker.",
        settings=settings,
        load=partial(inference.load, settings),
        weights=partial(weights_sha256, settings.checkpoints_dir / "encoder"),
        example=inference.example,
    )
    reader = ClipReader(settings.max_clip_seconds)
    takes_clip: dict[str, Any] = {"openapi_extra": reader.openapi, "responses": QUEUED}

    @app.post("/inference/", tags=["speech"], response_model=EmbedResponse, **takes_clip)
    async def embed(
        decode: Annotated[Decode, Depends(reader)], model: Model, slot: Slot
    ) -> ArrayResponse:
        """Embed the voice of a clip: JSON with `wav` and `sr`, or a sound file."""
        return ArrayResponse(await slot.run(partial(inference.embed, model, decode)))

    @app.post("/preprocess/", tags=["speech"], response_model=WavResponse, **takes_clip)
    async def preprocess(decode: Annotated[Decode, Depends(reader)], slot: Slot) -> ArrayResponse:
        """Return a clip as the encoder hears it: 16 kHz, volume normalised, long silences cut."""
        return ArrayResponse(await slot.run(partial(inference.clean, decode)))

    return app


__getattr__ = app_on_demand(build_app)
