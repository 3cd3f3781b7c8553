"""Deadlines of requests and responses, and cancellation when the client disconnects.

A caller may set X-Request-Deadline to the seconds within which it needs the response to start; the
rest of them is passed on from app to app. The state is a context variable, so a thread that anyio
starts for the request sees it too. Work outside a request has no deadline.
"""

import asyncio
import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from anyio import CancelScope
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Deadline"
MAX_SECONDS = 999_999  # that the header may give
_BLOCK_BYTES = 65_536  # sent at a time: the server buffers a message whole, of any size
_SECONDS = re.compile(r"\d{1,6}(\.\d{1,6})?")


class ClientDisconnected(Exception):
    """The client has closed its connection."""


@dataclass
class CallerState:
    """deadline: of time.monotonic(), for the start of the response. disconnected: set once the
    client has left."""

    deadline: float = math.inf
    disconnected: threading.Event = field(default_factory=threading.Event)


caller_state: ContextVar[CallerState | None] = ContextVar("caller_state", default=None)


def seconds_left() -> float:
    """Seconds until the response has to start; infinite without a deadline or once it has."""
    current = caller_state.get()
    return current.deadline - time.monotonic() if current else math.inf


def check_connected() -> None:
    """Raises ClientDisconnected. Long work calls this often."""
    current = caller_state.get()
    if current and current.disconnected.is_set():
        raise ClientDisconnected


def sleep(seconds: float) -> None:
    """Sleep in a thread. Raises ClientDisconnected as soon as the client leaves."""
    current = caller_state.get()
    if current is None:
        time.sleep(seconds)
    elif current.disconnected.wait(seconds):
        raise ClientDisconnected


def is_seconds(value: str) -> bool:
    """True if the header's value is a number of seconds from 0 to MAX_SECONDS."""
    return _SECONDS.fullmatch(value.strip()) is not None


class CancelOnDisconnect:
    """Middleware: cancels a request when its client disconnects.

    Work in a thread goes on until it ends or calls `check_connected`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        current = CallerState(_deadline(Headers(scope=scope).get(HEADER)))
        caller_state.set(current)

        async def tracking_send(message: Message) -> None:
            current.deadline = math.inf
            is_body = message["type"] == "http.response.body"
            connection.is_answered = is_body and not message.get("more_body")
            await send(message)

        with CancelScope() as work, suppress(ClientDisconnected):
            connection = _Connection(receive, current, work)
            try:
                await self.app(scope, connection.receive, tracking_send)
            except asyncio.CancelledError:
                current.disconnected.set()  # also when the stopping server cancels
                raise
            finally:
                connection.stop_watching()


class _Connection:
    """Passes the body on; from its end on, waits for the client to disconnect."""

    def __init__(self, receive: Receive, caller: CallerState, work: CancelScope) -> None:
        self.is_answered = False
        self._receive, self._caller, self._work = receive, caller, work
        self._closed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        if self._watch:
            await self._closed.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._watch = asyncio.create_task(self._wait_for_disconnect())
        return message

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._closed.set()
        if not self.is_answered:  # the server reports a complete response in the same way
            self._caller.disconnected.set()
            self._work.cancel()

    def stop_watching(self) -> None:
        if self._watch:
            self._watch.cancel()


class SendDeadline:
    """Middleware: drops a client that accepts none of its response for `seconds`.

    Such a client would hold a compute slot, or the memory of a response made at once.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                for part in _in_blocks(message):
                    async with asyncio.timeout(self.seconds):
                        await send(part)
            except TimeoutError:
                raise ClientDisconnect from None

        # The server closes the connection of an incomplete response.
        with suppress(ClientDisconnect):
            await self.app(scope, receive, send_in_time)


def _in_blocks(message: Message) -> Iterator[Message]:
    body = message.get("body", b"")
    for end in range(_BLOCK_BYTES, len(body), _BLOCK_BYTES):
        yield {**message, "body": body[end - _BLOCK_BYTES : end], "more_body": True}
    rest = (len(body) - 1) // _BLOCK_BYTES * _BLOCK_BYTES
    yield {**message, "body": body[rest:]} if rest > 0 else message


def _deadline(value: str | None) -> float:
    """The deadline in time.monotonic(). A malformed header counts as absent; routes reject it."""
    if value is None or not is_seconds(value):
        return math.inf
    return time.monotonic() + float(value)
