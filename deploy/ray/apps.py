"""The four apps and the worker as Ray Serve applications, one deployment each.

`serve.yaml` imports them and sets replicas, resources and limits. A replica builds its app from the
environment, and is ready once the app's lifespan has loaded the model. Outside the services, only
this module and `benchmarks` import them: a replica is the service.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.app_state import state_of
from shared.http.startup_errors import StartupError, read_settings

T = TypeVar("T")


def _or_startup_error(start: Callable[[], T]) -> T:
    """Raises StartupError for an invalid setting: an exit would hide its line from Ray."""
    try:
        return start()
    except SystemExit as error:
        raise StartupError(str(error)) from None


def _build_encoder() -> FastAPI:
    from encoder_service.app import build_app

    return build_app()


def _build_synthesizer() -> FastAPI:
    from synthesizer_service.app import build_app

    return build_app()


def _build_vocoder() -> FastAPI:
    from vocoder_service.app import build_app

    return build_app()


def _build_gateway() -> FastAPI:
    from gateway_service.app import build_app

    return build_app()


class StartupErrorForHealthCheck:
    """Middleware: keeps the error of a failed start for the first health check.

    Ray reports the error of a health check, but only that a lifespan failed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)

        has_started = False

        async def send_unless_failed(message: Message) -> None:
            nonlocal has_started
            if message["type"] != "lifespan.startup.failed":
                has_started = True
                await send(message)

        try:
            await self.app(scope, receive, send_unless_failed)
        except Exception as error:
            if has_started:
                raise
            scope["app"].state.startup_error = error
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
            await send({"type": "lifespan.shutdown.complete"})


class Replica:
    """A replica; `serve.ingress` adds the app."""

    app: FastAPI

    async def check_health(self) -> None:
        """Ray replaces a replica whose model is not loaded, or whose event loop is stuck.

        A full disk or an unreachable queue is no reason: a new replica would meet the same.
        """
        if error := getattr(self.app.state, "startup_error", None):
            raise error
        if not state_of(self.app).ready:
            raise RuntimeError("the model is not loaded, or the replica is stopping")


class Worker:
    """A replica that runs jobs, as `better worker` does, until Ray deletes it."""

    def __init__(self) -> None:
        from gateway_service.jobs.worker import running_worker
        from gateway_service.settings import Settings

        self._running = ExitStack()
        settings = _or_startup_error(lambda: read_settings(Settings))
        self._running.enter_context(running_worker(settings))

    def __del__(self) -> None:
        self._running.close()


def application(name: str, build: Callable[[], FastAPI]) -> Application:
    """One deployment of this name, whose replicas build the app themselves."""

    def build_for_ray() -> FastAPI:
        app = _or_startup_error(build)
        app.add_middleware(StartupErrorForHealthCheck)
        return app

    return serve.deployment(name=name)(serve.ingress(build_for_ray)(Replica)).bind()


encoder = application("encoder", _build_encoder)
synthesizer = application("synthesizer", _build_synthesizer)
vocoder = application("vocoder", _build_vocoder)
gateway = application("gateway", _build_gateway)
worker = serve.deployment(name="worker")(Worker).bind()
