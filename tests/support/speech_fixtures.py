"""The gateway's speech routes over stub services, on a port in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from client.async_chain import AsyncChain
from client.chain import WorkerThreadChain
from client.retries import RetryPolicy
from gateway_service.access.middleware import access_middleware
from gateway_service.settings import Settings
from gateway_service.speech import captioned_routes, legacy_routes, stream_routes
from gateway_service.speech import routes as speech_routes
from shared.http.app import create_app
from shared.http.app_state import AppState, state_of
from shared.http.errors import NotFound
from shared.http.uvicorn_server import TimeoutProtocol
from shared.http.websocket_protocol import MAX_MESSAGE_BYTES, SocketProtocol
from tests.support.served_app import served
from tests.support.stub_services import StubServices, stub_embed

AT_ONCE = RetryPolicy(attempts=2, first_wait=0, max_retry_after=0)
VOICES = {"low": 0, "high": 30, "alloy": 5}


class StubVoices:
    """Voices by name. Each is one of the stub services' tones."""

    def find(self, name_or_id: str) -> SimpleNamespace:
        if name_or_id not in VOICES:
            raise NotFound("voice: there is none", param="voice", code="voice_not_found")
        return SimpleNamespace(embed=stub_embed(VOICES[name_or_id]))


@dataclass
class SpeechServer:
    url: str
    services: StubServices
    state: AppState[Any]

    @property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)


@contextmanager
def speech_server(settings: Settings | None = None, **urls: str) -> Iterator[SpeechServer]:
    """urls: replace those of the stubs, as ENCODER_URL=..."""
    settings = settings or Settings()
    with StubServices() as services:
        chain = _chain(services, settings, urls)
        with _served(chain, settings) as (url, state):
            yield SpeechServer(url, services, state)


def _chain(services: StubServices, settings: Settings, urls: dict[str, str]) -> AsyncChain:
    found = {**services.environment, **urls}
    return AsyncChain(
        found["ENCODER_URL"],
        found["SYNTHESIZER_URL"],
        found["VOCODER_URL"],
        settings=settings,
        retries=AT_ONCE,
    )


@contextmanager
def _served(chain: AsyncChain, settings: Settings) -> Iterator[tuple[str, AppState[Any]]]:
    app = create_app(
        service="gateway",
        summary="Speech over stubs.",
        settings=settings,
        load=lambda: SimpleNamespace(
            settings=settings,
            async_chain=chain,
            chain=WorkerThreadChain(chain),
            voices=StubVoices(),
        ),
        unload=lambda gateway: gateway.chain.close(),
        concurrency=settings.concurrency,
        caller_share=settings.caller_share,
        middleware=access_middleware(settings),
    )
    app.include_router(speech_routes.router)
    app.include_router(captioned_routes.router)
    app.include_router(legacy_routes.router)
    app.include_router(stream_routes.router)
    state = state_of(app)
    state.socket_paths = frozenset({stream_routes.PATH})
    options = {
        "ws": SocketProtocol,
        "ws_max_size": MAX_MESSAGE_BYTES,
        "ws_per_message_deflate": False,
    }
    with served(app, http=partial(TimeoutProtocol, state), **options) as url:
        yield url, state


@pytest.fixture(scope="module")
def server_of_module() -> Iterator[SpeechServer]:
    with speech_server() as server:
        yield server


@pytest.fixture
def server(server_of_module: SpeechServer) -> SpeechServer:
    """The module's server, with its services reset."""
    services = server_of_module.services
    for service in (services.encoder, services.synthesizer, services.vocoder):
        service.reset()
    return server_of_module


@pytest.fixture
def client(server: SpeechServer) -> Iterator[openai.OpenAI]:
    with server.openai as client:
        yield client
