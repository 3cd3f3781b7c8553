"""Limits for request bodies: their size, the memory of all of them together, and their speed."""

import asyncio
import math
import time
from statistics import median

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.app_state import state_of
from shared.http.errors import QueueFull, RequestTooSlow, TooLarge
from shared.http.json_routes import ResponseTracker

GRACE_SECONDS = 10.0
"""Time after which a body has to keep up with MIN_RATE, so that a stalled one is dropped."""
MIN_RATE = 10_000  # bytes a second


class BodyBudget:
    """The memory that the body of one request takes from `BodyLimit.max_held_bytes`."""

    def __init__(self, limit: "BodyLimit") -> None:
        self._limit, self._bytes = limit, 0
        self.started = time.monotonic()

    def add(self, n: int) -> None:
        """Take n bytes."""
        if n:
            self._limit.budgets.add(self)
        self._limit.held += n
        self._bytes += n

    def release(self) -> None:
        """Give all bytes back."""
        self._limit.budgets.discard(self)
        self._limit.held -= self._bytes
        self._bytes = 0


class BodyLimit:
    """Middleware: limits the bodies of requests.

    max_bytes: of one body; a longer one raises TooLarge, by its Content-Length or while it arrives.
    max_held_bytes: of all bodies in memory; one that does not fit raises QueueFull.
    seconds: a body that takes longer, or falls behind MIN_RATE, raises RequestTooSlow.

    A body counts until its request ends, or until its reader releases `scope["body_hold"]`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_held_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_held_bytes = max(max_bytes, max_held_bytes)
        self.seconds = seconds
        self.held = 0
        self.budgets = set[BodyBudget]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        budget = scope["body_hold"] = BodyBudget(self)
        response = ResponseTracker(send)
        body = _Body(self, scope, receive, response)
        try:
            await self.app(scope, body.receive, response.send)
        finally:
            budget.release()

    def seconds_held(self, excluding: BodyBudget) -> int:
        """Estimate of the seconds until memory is free: the age of a typical body held now."""
        others = self.budgets - {excluding}
        ages = [time.monotonic() - budget.started for budget in others]
        return math.ceil(median(ages or [0]))


class _Body:
    """The body of one request, while it arrives."""

    def __init__(
        self, limit: BodyLimit, scope: Scope, receive: Receive, response: ResponseTracker
    ) -> None:
        self._limit, self._scope, self._receive = limit, scope, receive
        self._response = response
        self._started = asyncio.get_running_loop().time()
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete or self._response.has_started:  # the app waits for a disconnect
            return await self._receive()
        declared = Headers(scope=self._scope).get("content-length", "")
        self._check_length(float(declared) if declared.isdigit() else 0)
        message = await self._receive_in_time()
        length = len(message.get("body", b""))
        self._received += length
        self._check_length(self._received)
        self._take_memory(length)
        self._is_complete = not message.get("more_body", False)
        return message

    def _check_length(self, length: float) -> None:
        if length > self._limit.max_bytes:
            raise TooLarge(
                f"the body is over the limit of {self._limit.max_bytes} bytes; send a shorter clip "
                "or text, or a compressed sound file",
                param="body",
                code="body_too_large",
            )

    def _take_memory(self, length: int) -> None:
        budget = self._scope["body_hold"]
        budget.add(length)
        if self._limit.held <= self._limit.max_held_bytes:
            return
        slot = state_of(self._scope["app"]).slot
        seconds = max(slot.seconds_until_turn(), self._limit.seconds_held(excluding=budget))
        raise QueueFull(
            f"the bodies of other requests take up the limit of {self._limit.max_held_bytes} "
            f"bytes; try again in {seconds} s",
            retry_after_seconds=seconds,
        )

    async def _receive_in_time(self) -> Message:
        seconds = min(self._limit.seconds, GRACE_SECONDS + self._received / MIN_RATE)
        try:
            async with asyncio.timeout_at(self._started + seconds):
                return await self._receive()
        except TimeoutError:
            error = RequestTooSlow(
                f"the body did not arrive within {self._limit.seconds:g} s, or fell behind "
                f"{MIN_RATE} bytes a second after the first {GRACE_SECONDS:g} s; send less at a "
                "time, or use a faster connection",
                param="body",
            )
            error.headers = {"Connection": "close"}
            raise error from None
