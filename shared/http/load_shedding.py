"""Refuses what would find the queue full by its first bytes, before anything else is done for it.

Work that a refusal costs is taken from the request that computes, for both need Python's lock: at
ten times the capacity there are nine refusals for each answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute

from shared.http.errors import QueueFull
from shared.http.json_routes import JsonRoute

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([\x21-\x7e]{1,128})[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """of: the caller's id of its request. is_whole: nothing of the request is still to come."""

    error: QueueFull
    method: str
    route: str
    of: str | None
    is_whole: bool


class LoadShedder:
    """Knows the request lines of the routes that wait for `state.slot`. What comes otherwise, its
    head in pieces or its path with a query, is refused by `ComputeSlot.place`, later."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._routes: dict[bytes, tuple[str, str]] = {}  # method and path, by request line

    def watch(self, routes: Iterable[BaseRoute]) -> None:
        for route in routes:
            if isinstance(route, JsonRoute) and route.computes:
                bare = route.path.rstrip("/")
                for method in route.methods or ():
                    for path in (bare, f"{bare}/"):
                        line = f"{method} {path} HTTP/1.1".encode()
                        self._routes[line] = method, route.path

    def refusal(self, begun: bytes) -> Refusal | None:
        """begun: what came first of a request."""
        known = self._routes.get(begun[: begun.find(b"\r\n")])
        head = begun.find(b"\r\n\r\n") + 4
        if known is None or head < 4 or not self._state.ready:
            return None
        try:
            self._state.slot.require_room()
        except QueueFull as full:
            given, length = _REQUEST_ID.search(begun, 0, head), _LENGTH.search(begun, 0, head)
            is_whole = length is not None and len(begun) - head >= int(length[1])
            return Refusal(full, *known, given[1].decode() if given else None, is_whole)
        return None
