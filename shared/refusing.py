"""Refuses what would find the queue full before anything else is done for it.

Work that a refusal costs is taken from the request that computes: at ten times the capacity there
are nine refusals for each answer.
"""

from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import QueueFull
from shared.wire import error_response

_SMALL_BODY = 16_384  # bytes; a client that sends no more may keep its connection


class RefuseWhenFull:
    """Answers 429 where there is no place before `state.slot`.

    `state.computing`: by method and path, the routes that wait for the slot, each from the first
    request to it on.
    """

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.state.ready:
            route = self.state.computing.get((scope["method"], scope["path"]))
            if route is not None:
                try:
                    self.state.slot.require_room()
                except QueueFull as full:
                    scope["route"] = route
                    if not _is_small(Headers(scope=scope).get("content-length", "")):
                        full.headers["Connection"] = "close"
                    return await error_response(full)(scope, receive, send)
        return await self.app(scope, receive, send)


def _is_small(length: str) -> bool:
    return length.isdigit() and len(length) < 9 and int(length) <= _SMALL_BODY
