"""How much of requests' bodies is taken in, of one and of all together, and for how long."""

import asyncio
import math
import time
from statistics import median

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.admission import ComputeSlot
from shared.http.errors import QueueFull, RequestTooSlow, TooLarge
from shared.http.json_routes import Answer

GRACE_SECONDS = 10.0
"""After which a body has to keep up with MIN_RATE: one that does not come holds a place."""
MIN_RATE = 10_000  # bytes a second


class BodyBudget:
    """What one request's body takes of the memory for all of them."""

    def __init__(self, limit: "BodyLimit") -> None:
        self._limit, self._bytes = limit, 0
        self.begun = time.monotonic()

    def add(self, n: int) -> None:
        if n:
            self._limit.holds.add(self)
        self._limit.held += n
        self._bytes += n

    def release(self) -> None:
        self._limit.holds.discard(self)
        self._limit.held -= self._bytes
        self._bytes = 0


class BodyLimit:
    """Refuses a request body over `max_bytes`, at once by its Content-Length or while it streams
    in; one that has not come whole after `seconds`, or falls behind MIN_RATE; and, with 429, one
    for which there is no memory because others hold `max_held_bytes` of it.

    A body counts until its request ends, or what read it releases `scope["body_hold"]`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_held_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_held_bytes = max(max_bytes, max_held_bytes)
        self.seconds = seconds
        self.held = 0
        self.holds = set[BodyBudget]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        hold = scope["body_hold"] = BodyBudget(self)
        answer = Answer(send)
        body = _Body(self, scope, receive, answer)
        try:
            await self.app(scope, body.receive, answer.send)
        finally:
            hold.release()

    def no_memory(self, slot: ComputeSlot, asking: BodyBudget) -> QueueFull:
        # What has taken so long takes as long again, as far as can be known.
        others = self.holds - {asking}
        under_way = median([time.monotonic() - hold.begun for hold in others] or [0])
        seconds = max(slot.seconds_until_turn(), math.ceil(under_way))
        return QueueFull(
            f"other requests' bodies take {self.max_held_bytes} bytes already, which is the most; "
            f"try again in {seconds} s",
            retry_after_seconds=seconds,
        )


class _Body:
    """One that comes in."""

    def __init__(self, limit: BodyLimit, scope: Scope, receive: Receive, answer: Answer) -> None:
        self._limit, self._scope, self._receive, self._answer = limit, scope, receive, answer
        self._begun = asyncio.get_running_loop().time()
        self._streamed = 0
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole or self._answer.has_begun:  # waits for the client to leave
            return await self._receive()
        declared = Headers(scope=self._scope).get("content-length", "")
        self._require_small(float(declared) if declared.isdigit() else 0)
        message = await self._timely()
        came = len(message.get("body", b""))
        self._streamed += came
        self._require_small(self._streamed)
        hold = self._scope["body_hold"]
        hold.add(came)
        if self._limit.held > self._limit.max_held_bytes:
            raise self._limit.no_memory(self._scope["app"].state.slot, hold)
        self._is_whole = not message.get("more_body", False)
        return message

    def _require_small(self, length: float) -> None:
        if length > self._limit.max_bytes:
            raise TooLarge(
                f"the body is over {self._limit.max_bytes} bytes; send a shorter clip or text, "
                "or a compressed sound file",
                param="body",
                code="body_too_large",
            )

    async def _timely(self) -> Message:
        seconds = min(self._limit.seconds, GRACE_SECONDS + self._streamed / MIN_RATE)
        try:
            async with asyncio.timeout_at(self._begun + seconds):
                return await self._receive()
        except TimeoutError:
            error = RequestTooSlow(
                f"the body did not come within {self._limit.seconds:g} s, or not at "
                f"{MIN_RATE} bytes a second after the first {GRACE_SECONDS:g} s; send less at a "
                "time, or over a faster connection",
                param="body",
            )
            error.headers = {"Connection": "close"}
            raise error from None
