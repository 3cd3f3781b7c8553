"""The gateway: the three services as people use them. It holds no model and no torch."""

from functools import partial

from fastapi import FastAPI

from gateway_service.access.middleware import access_middleware, describe_access
from gateway_service.gateway import Gateway, close_gateway, open_gateway
from gateway_service.jobs import routes as job_routes
from gateway_service.jobs.metrics import JobCollector
from gateway_service.page import routes as page
from gateway_service.service_calls import SERVICE_SECONDS
from gateway_service.settings import Settings
from gateway_service.speech import captioned_routes, legacy_routes, stream_routes, verify_routes
from gateway_service.speech import routes as speech_routes
from gateway_service.storage.database import Storage
from gateway_service.voices import routes as voice_routes
from shared.http.app import app_on_demand, create_app
from shared.http.app_state import AppState, state_of
from shared.http.startup_errors import read_settings
from shared.voices import example_embed, example_wav

_ROUTERS = [
    page.router,
    speech_routes.router,
    captioned_routes.router,
    stream_routes.router,
    voice_routes.router,
    job_routes.router,
    verify_routes.router,
    legacy_routes.router,
]
"""In the order of the page at /docs."""
_TEXT_EXAMPLE = {"text": "Hello, this is my voice.", "consent": "A voice of this project."}
_VOICE_EXAMPLE = {"name": "Example", "consent": "A voice of this project."}


def build_app(settings: Settings | None = None) -> FastAPI:
    """settings: from the environment if None."""
    settings = settings or read_settings(Settings)

    def storage() -> Storage | None:
        state: AppState[Gateway] = state_of(app)
        return state.model.storage if state.ready and state.model else None

    app = create_app(
        service="gateway",
        summary="Clones voices and speaks: a web page, an OpenAI-compatible speech API, jobs.",
        settings=settings,
        load=partial(open_gateway, settings),
        unload=close_gateway,
        check_ready=Gateway.check_ready,
        examples={
            "/inference-c/": lambda: _TEXT_EXAMPLE | example_wav(),
            "/inference-w/": lambda: _TEXT_EXAMPLE | {"embed": example_embed(), "sr": 16_000},
            "/v1/audio/voices": lambda: _VOICE_EXAMPLE | {"embedding": example_embed()},
        },
        concurrency=settings.concurrency,
        caller_share=settings.caller_share,
        middleware=access_middleware(settings),
        collectors=[SERVICE_SECONDS, JobCollector(storage)],
    )
    describe_access(app, settings)
    state_of(app).socket_paths = frozenset({stream_routes.PATH})
    for router in _ROUTERS:
        app.include_router(router)
    return app


__getattr__ = app_on_demand(build_app)
