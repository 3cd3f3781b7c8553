"""Access log and metrics of every request: id, route, status, duration, size and error code."""

import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.metrics import Metrics
from shared.http.request_id import HEADER, accepted_or_new, request_id
from shared.http.routing import REQUESTS

log = logging.getLogger("better.request")

_SOCKET = "WEBSOCKET"
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", _SOCKET}
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


@dataclass
class _Problem:
    code: str | None = None


_problem: ContextVar[_Problem | None] = ContextVar("problem", default=None)


def record_error_code(code: str) -> None:
    """Record the error code of the current request for its log line and metrics: it was rejected,
    or aborted after its response started."""
    if problem := _problem.get():
        problem.code = code


class RequestLog:
    """Middleware: logs and counts every request by its route, never its path or contents.

    A WebSocket counts once, when it ends, with the method WEBSOCKET.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in REQUESTS:
            return await self.app(scope, receive, send)
        current = accepted_or_new(Headers(scope=scope).get(HEADER))
        # Never reset: a request has its own task and context, and the server logs an exception
        # after this middleware has ended.
        request_id.set(current)
        _problem.set(problem := _Problem())
        status = sent = 0  # if the client leaves before the response starts
        started = time.perf_counter()

        async def tracking_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] in _STARTS:
                status = message.get("status", 101)  # a WebSocket that is accepted has none
                MutableHeaders(scope=message)[HEADER] = current
            await send(message)
            sent += sum(len(message.get(part) or b"") for part in ("body", "bytes", "text"))

        try:
            await self.app(scope, receive, tracking_send)
        except Exception:
            status = status or 500  # the response is made outside this middleware
            problem.code = problem.code or "internal_error"
            raise
        finally:
            route = getattr(scope.get("route"), "path", "none")
            asked = scope.get("method", _SOCKET)
            method = asked if asked in _METHODS else "other"
            seconds = time.perf_counter() - started
            log_request(self.metrics, method, route, status, seconds, sent, problem.code)


def log_request(
    metrics: Metrics,
    method: str,
    route: str,
    status: int,
    seconds: float,
    sent: int,
    problem: str | None,
) -> None:
    """Count and log a request. problem: the code of its error."""
    metrics.count(method, route, status, seconds)
    fields = {"method": method, "route": route, "status": status}
    fields |= {"seconds": round(seconds, 4), "bytes": sent}
    if problem:
        metrics.count_error(route, problem)
        fields["code"] = problem
    log.info("%s %s %s", method, route, status, extra={"fields": fields})
