"""The vocoder: a mel spectrogram in, sound out."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

from fastapi import Depends, FastAPI, Response

from shared.audio.files import MEDIA_TYPES
from shared.checkpoints.loading import weights_sha256
from shared.http.admission import ComputeSlot
from shared.http.app import Slot, app_on_demand, create_app, get_model
from shared.http.json_routes import ChunksResponse, HeldResponse
from shared.http.openapi import BINARY, QUEUED, content
from shared.http.schemas import Limits
from shared.http.startup_errors import read_settings
from shared.http.tensors import Float32Array
from vocoder_service import inference
from vocoder_service.response_format import AcceptedFormat
from vocoder_service.schemas import SpecRequest, WavResponse, spec_tensor
from vocoder_service.settings import NETWORK_NAMES, Settings

Network = Annotated[inference.Vocoder, Depends(get_model)]
_SOUND = content(BINARY, *MEDIA_TYPES.values())
_MAX_LARGE_RESPONSES = 2  # made whole at a time: a minute of JSON at 48 kHz takes 32 MB


def build_app(settings: Settings | None = None) -> FastAPI:
    """settings: from the environment if None."""
    settings = settings or read_settings(Settings)
    app = create_app(
        service="vocoder",
        summary=f"Turns a mel spectrogram into sound, by {NETWORK_NAMES[settings.vocoder]}: JSON, "
        "or a sound file sent while it is made.",
        settings=settings,
        load=partial(inference.load, settings),
        weights=partial(weights_sha256, inference.checkpoint_of(settings)),
        example=inference.example,
        concurrency=settings.concurrency,
        threads=settings.compute_threads,
    )
    large_responses = ComputeSlot(
        settings.queue_limit, settings.queue_seconds, _MAX_LARGE_RESPONSES
    )
    limits = Limits(spec=Annotated[Float32Array, spec_tensor(settings.max_frames)])

    @app.post("/inference/", tags=["speech"], response_model=WavResponse, responses=_SOUND | QUEUED)
    async def vocode(
        request: Annotated[SpecRequest, limits],
        response_format: AcceptedFormat,
        network: Network,
        slot: Slot,
    ) -> Response:
        """Turn a mel spectrogram into sound: JSON with `wav`, or a sound file by the Accept
        header."""
        response_format.check_rate(request.sr)
        work = network, request, response_format
        if not request.stream:
            async with AsyncExitStack() as hold:
                if inference.is_large(request):
                    await hold.enter_async_context(large_responses.turn())
                body = await slot.run(partial(inference.whole, *work))
                return HeldResponse(body, response_format.media_type, hold.pop_all())
        chunks = await slot.stream(partial(inference.stream, *work))
        return ChunksResponse(chunks, media_type=response_format.media_type)

    return app


__getattr__ = app_on_demand(build_app)
