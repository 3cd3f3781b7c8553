"""The synthesizer service: a text and a speaker embedding in, a mel spectrogram out."""

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI

from shared.checkpoints.loading import weights_sha256
from shared.http.app import Slot, app_on_demand, create_app, get_model
from shared.http.json_routes import ArrayResponse
from shared.http.openapi import QUEUED
from shared.http.startup_errors import read_settings
from synthesizer_service import inference, schemas
from synthesizer_service.schemas import (
    CHARS_FORM,
    FORMS,
    TEXT_FORM,
    CharsRequest,
    CharsResponse,
    MelResponse,
    SpecResponse,
    TextRequest,
    TextsRequest,
)
from synthesizer_service.settings import Settings
from synthesizer_service.tacotron.model import Tacotron

Model = Annotated[Tacotron, Depends(get_model)]


def build_app(settings: Settings | None = None) -> FastAPI:
    """settings: from the environment if None."""
    settings = settings or read_settings(Settings)
    app = create_app(
        service="synthesizer",
        summary="Speaks a text in a voice, as a mel spectrogram: 80 bands, 80 frames a second.",
        settings=settings,
        load=partial(inference.load, settings),
        weights=partial(weights_sha256, settings.checkpoints_dir / "synthesizer"),
        example=inference.example,
    )
    text = Annotated[TextRequest, schemas.text_limits(settings), TEXT_FORM]
    chars = Annotated[CharsRequest, schemas.chars_limits(settings), CHARS_FORM]
    speech: dict[str, Any] = {
        "tags": ["speech"],
        "response_model": SpecResponse | MelResponse,
        "responses": QUEUED,
    }

    @app.post("/inference/", **speech)
    @app.post("/generate/", **speech)
    async def synthesize(
        request: Annotated[text | chars, FORMS], model: Model, slot: Slot
    ) -> ArrayResponse:
        """Speak: `text` and `embed` give one `spec`, `chars` and `batched_embeds` a batch, `mel`.

        /generate/ is the predecessor's name for /inference/.
        """
        work = partial(inference.synthesize, model, request, settings)
        return ArrayResponse(await slot.run(work))

    @app.post("/chars/", tags=["speech"], response_model=CharsResponse)
    def convert(
        request: Annotated[TextsRequest, schemas.texts_limits(settings)],
    ) -> ArrayResponse:
        """Convert English texts to symbol ids, and return the texts as they will be spoken."""
        return ArrayResponse(inference.chars_of(request, settings))

    return app


__getattr__ = app_on_demand(build_app)
