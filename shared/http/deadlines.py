"""Whether anybody still waits for the answer to a request, and how long.

A caller may say in X-Request-Deadline how many seconds it waits for an answer to begin; what is
left of them is passed on from app to app. A context variable: a thread that anyio starts for the
request sees it too. Work that nobody asked for over HTTP has all the time there is.
"""

import asyncio
import math
import re
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from anyio import CancelScope
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Deadline"

MAX_SECONDS = 999_999
"""Seconds that it may say."""
_SECONDS = re.compile(r"\d{1,6}(\.\d{1,6})?")


class ClientDisconnected(Exception):
    """There is nobody to tell of it."""


@dataclass
class CallerState:
    """ends: when an answer must have begun, of time.monotonic(). left: set once the caller is."""

    ends: float = math.inf
    left: threading.Event = field(default_factory=threading.Event)


patience: ContextVar[CallerState | None] = ContextVar("patience", default=None)


def seconds_left() -> float:
    """Until an answer must have begun; infinite once it has."""
    current = patience.get()
    return current.ends - time.monotonic() if current else math.inf


def check_connected() -> None:
    """For long work to call often. Raises ClientDisconnected."""
    current = patience.get()
    if current and current.left.is_set():
        raise ClientDisconnected


def sleep(seconds: float) -> None:
    """Raises ClientDisconnected as soon as the caller has."""
    current = patience.get()
    if current is None:
        time.sleep(seconds)
    elif current.left.wait(seconds):
        raise ClientDisconnected


class CancelOnDisconnect:
    """Cancels a request whose client has left, wherever it is: no queue is held for nobody.

    What a thread is at goes on until that ends, or calls `check_connected`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        current = CallerState(_ends(Headers(scope=scope).get(HEADER)))
        patience.set(current)

        async def tracking_send(message: Message) -> None:
            current.ends = math.inf
            is_body = message["type"] == "http.response.body"
            connection.is_answered = is_body and not message.get("more_body")
            await send(message)

        with CancelScope() as work, suppress(ClientDisconnected):
            connection = _Connection(receive, current, work)
            try:
                await self.app(scope, connection.receive, tracking_send)
            except asyncio.CancelledError:
                current.left.set()  # by the server that stops, if not for the client
                raise
            finally:
                connection.stop_watching()


class _Connection:
    """Passes the body on, and watches from its end on whether the client stays."""

    def __init__(self, receive: Receive, caller: CallerState, work: CancelScope) -> None:
        self.is_answered = False
        self._receive, self._caller, self._work = receive, caller, work
        self._over = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        if self._watch:
            await self._over.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._watch = asyncio.create_task(self._until_over())
        return message

    async def _until_over(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # a whole answer ends in one, too
        self._over.set()
        if not self.is_answered:
            self._caller.left.set()
            self._work.cancel()

    def stop_watching(self) -> None:
        if self._watch:
            self._watch.cancel()


def _ends(said: str | None) -> float:
    """What is no number of seconds counts as nothing said; routes refuse it."""
    if said is None or not is_seconds(said):
        return math.inf
    return time.monotonic() + float(said)


def is_seconds(said: str) -> bool:
    return _SECONDS.fullmatch(said.strip()) is not None
