"""How much of requests' bodies is taken in, of one and of all together, and for how long."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.compute import ComputeSlot
from shared.errors import QueueFull, RequestTooSlow, TooLarge


class BodyHold:
    """What one request's body takes of the memory for all of them."""

    def __init__(self, limit: "BodyLimit") -> None:
        self._limit, self._bytes = limit, 0

    def add(self, n: int) -> None:
        self._bytes += n
        self._limit.held += n

    def release(self) -> None:
        self._limit.held -= self._bytes
        self._bytes = 0


class BodyLimit:
    """Refuses a request body over `max_bytes`, at once by its Content-Length or while it streams
    in; one that has not come whole after `seconds`; and, with 429, one for which there is no memory
    because others hold `max_held_bytes` of it.

    A body counts until its request ends, or what read it releases `scope["body_hold"]`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_held_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_held_bytes = max(max_bytes, max_held_bytes)
        self.seconds = seconds
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        too_large = declared.isdigit() and float(declared) > self.max_bytes
        deadline = asyncio.get_running_loop().time() + self.seconds
        streamed = 0
        whole = answered = False
        hold = scope["body_hold"] = BodyHold(self)

        async def limited_receive() -> Message:
            nonlocal streamed, whole
            if whole or answered:  # waits for the client to leave
                return await receive()
            if too_large:
                raise self._too_large()
            message = await self._timely(receive, deadline)
            streamed += (came := len(message.get("body", b"")))
            if streamed > self.max_bytes:
                raise self._too_large()
            hold.add(came)
            if self.held > self.max_held_bytes:
                raise self._no_memory(scope["app"].state.slot)
            whole = not message.get("more_body", False)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, limited_receive, watched_send)
        finally:
            hold.release()

    async def _timely(self, receive: Receive, deadline: float) -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                return await receive()
        except TimeoutError:
            error = RequestTooSlow(
                f"the body did not come within {self.seconds:g} s; send less at a time, or over "
                "a faster connection",
                param="body",
            )
            error.headers = {"Connection": "close"}
            raise error from None

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"the body is over {self.max_bytes} bytes; send a shorter clip or text, "
            "or a compressed sound file",
            param="body",
            code="body_too_large",
        )

    def _no_memory(self, slot: ComputeSlot) -> QueueFull:
        seconds = slot.seconds_until_turn()
        return QueueFull(
            f"other requests' bodies take {self.max_held_bytes} bytes already, which is the most; "
            f"try again in {seconds} s",
            retry_after_seconds=seconds,
        )
