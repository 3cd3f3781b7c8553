"""How an app stops: readiness turns false, new work gets 503, and what is under way ends."""

import asyncio
import socket
import sys
import time
from functools import partial
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from shared.http.connections import TimeoutProtocol
from shared.http.errors import NotReady
from shared.http.json_routes import Answer, ErrorResponse
from shared.http.process_memory import freeze_gc

DRAIN_SECONDS = 20.0
"""For what is under way; what the app then closes has 7 s until gunicorn kills, Heroku 9."""
_CANCEL_SECONDS = 1  # after that, for what has not ended
_WORK = {"POST", "PUT", "PATCH", "DELETE"}


class Draining:
    """Counts the requests under way in `state.under_way`; refuses new work once `state.ready` is
    false. What only reads is answered until the end. What the server cancels then, because it did
    not end in time, is answered with 503 if it can be."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self.app = app
        self.state = state
        self.state.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not self.state.ready:
            if scope["method"] not in _WORK:
                return await self.app(scope, receive, send)
            return await _stopping()(scope, receive, send)
        self.state.under_way += 1
        try:
            await self._run(scope, receive, send)
        finally:
            self.state.under_way -= 1

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send)
        try:
            await self.app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if self.state.ready:
                raise
            if not answer.has_begun:  # else the server closes what it has begun
                await _stopping()(scope, receive, send)


def _stopping() -> JSONResponse:
    error = NotReady("the service is stopping; send this again, to another process")
    error.headers = {"Retry-After": "1", "Connection": "close"}
    return ErrorResponse(error)


class _DrainingServer(Server):
    def __init__(self, config: Config, state: Any) -> None:
        super().__init__(config)
        self.state = state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        freeze_gc()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens on while requests are under way, then closes."""
        self.state.ready = False
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.state.under_way and not self.force_exit and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


class DrainingWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """gunicorn's worker class for all apps."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "timeout_graceful_shutdown": _CANCEL_SECONDS,
        "loop": "asyncio",  # TimeoutProtocol sets what uvloop's transports do not have
    }

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        self.config.http = partial(TimeoutProtocol, self.wsgi.state)
        server = _DrainingServer(self.config, self.wsgi.state)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
