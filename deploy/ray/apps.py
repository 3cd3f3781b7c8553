"""The four apps as Ray Serve applications, one deployment each.

`serve.yaml` imports them and sets replicas, resources and limits. A replica builds its app from the
environment, and is ready once the app's lifespan has loaded the model. This is the only module
besides the services themselves that imports them: a replica is the service.
"""

from collections.abc import Callable

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from shared.http.app_state import state_of
from shared.http.startup_errors import StartupError


def _built(build: Callable[[], FastAPI]) -> FastAPI:
    """Raises StartupError for an invalid setting: an exit would hide its line from Ray."""
    try:
        return build()
    except SystemExit as error:
        raise StartupError(str(error)) from None


def _build_encoder() -> FastAPI:
    from encoder_service.app import build_app

    return _built(build_app)


def _build_synthesizer() -> FastAPI:
    from synthesizer_service.app import build_app

    return _built(build_app)


def _build_vocoder() -> FastAPI:
    from vocoder_service.app import build_app

    return _built(build_app)


def _build_gateway() -> FastAPI:
    from gateway_service.app import build_app

    return _built(build_app)


class Replica:
    """A replica; `serve.ingress` adds the app."""

    app: FastAPI

    async def check_health(self) -> None:
        """Ray replaces a replica whose model is not loaded, or whose event loop is stuck.

        A full disk or an unreachable queue is no reason: a new replica would meet the same.
        """
        if not state_of(self.app).ready:
            raise RuntimeError("the model is not loaded, or the replica is stopping")


def _application(name: str, build: Callable[[], FastAPI]) -> Application:
    return serve.deployment(name=name)(serve.ingress(build)(Replica)).bind()


encoder = _application("encoder", _build_encoder)
synthesizer = _application("synthesizer", _build_synthesizer)
vocoder = _application("vocoder", _build_vocoder)
gateway = _application("gateway", _build_gateway)
