"""503 for requests that an app cannot take: it is stopping, or has too many connections."""

import asyncio
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.app_state import AppState
from shared.http.errors import NotReady
from shared.http.json_routes import ErrorResponse, ResponseTracker
from shared.http.routing import REQUESTS, route_path

_WORK = {"POST", "PUT", "PATCH", "DELETE"}
_ALWAYS_SERVED = ("/health/", "/check", "/metrics")


class Draining:
    """Middleware: counts requests in progress, and rejects new ones once the app is not ready.

    Methods that only read are served to the end. A request that the stopping server cancels gets a
    503 if its response has not started. A WebSocket counts its own work.
    """

    def __init__(self, app: ASGIApp, state: AppState[Any]) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in REQUESTS:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket" and self.state.ready:
            return await self.app(scope, receive, send)
        if not self.state.ready:
            if scope.get("method", "POST") not in _WORK:
                return await self.app(scope, receive, send)
            return await _stopping()(scope, receive, send)
        self.state.requests_in_progress += 1
        try:
            await self._run(scope, receive, send)
        finally:
            self.state.requests_in_progress -= 1

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = ResponseTracker(send)
        try:
            await self.app(scope, receive, response.send)
        except asyncio.CancelledError:
            if self.state.ready:
                raise
            if not response.has_started:  # else the server closes the connection
                await _stopping()(scope, receive, send)


def _stopping() -> JSONResponse:
    error = NotReady("the service is stopping; send the request again, to another process")
    error.headers = {"Retry-After": "1", "Connection": "close"}
    return ErrorResponse(error)


class ConnectionLimit:
    """Middleware: responds with 503 on connections beyond MAX_CONNECTIONS, except to probes, and
    on WebSockets beyond half of it.

    The server marks these connections; see `uvicorn_server.TimeoutProtocol`.
    """

    def __init__(self, app: ASGIApp, state: AppState[Any]) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_beyond_limit = scope.get("state", {}).get("is_beyond_limit", False)
        if not is_beyond_limit or route_path(scope).startswith(_ALWAYS_SERVED):
            return await self.app(scope, receive, send)
        error = NotReady(
            f"{self.state.settings.max_connections} connections are busy, which is the limit, or "
            "half as many WebSockets; close those that you do not use, or try again in 1 s",
            code="too_many_connections",
        )
        error.headers = {"Retry-After": "1", "Connection": "close"}
        return await ErrorResponse(error)(scope, receive, send)
