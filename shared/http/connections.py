"""The connections of the workers: uvicorn's, but they are bounded in number and in patience, and an
answer that comes before the whole request is not lost."""

import asyncio
import time
from asyncio import AbstractEventLoop as Loop
from collections.abc import Callable, Iterable
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from shared.http.errors import ApiError, InvalidRequest, NotReady
from shared.http.framing import UnambiguousConnection
from shared.http.json_routes import ErrorResponse
from shared.http.request_id import HEADER, accepted_or_new, request_id
from shared.http.request_log import note

PATIENCE = 1.5
"""Times the seconds that a body may take: where an app waits for it, `bodies.BodyLimit` answers 408
first."""
RESERVE = 64
"""Connections over the limit on which that is still said."""

LINGER_SECONDS = 0.5
"""Until what a refused client still sends is read, to be thrown away. Most clients see the answer
and leave before; the rest send all before they look, and would hear of nothing but a reset."""
_HEAD_BYTES = 16_384  # h11's limit, where a head is still incomplete
_READ_BYTES = 65_536  # at a time; asyncio's 262,144 of each connection add up

_ALWAYS_ANSWERED = ("/health/", "/check", "/metrics")


class ConnectionLimit:
    """Answers 503, but for the health calls, on connections that came when `state.max_connections`
    were busy."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = self.state.max_connections
        is_one_too_many = scope.get("state", {}).get("is_one_too_many", False)
        if not is_one_too_many or scope["path"].startswith(_ALWAYS_ANSWERED):
            return await self.app(scope, receive, send)
        crowded = NotReady(
            f"{most} connections are busy, which is the most; close those that you do not use, or "
            "try again in 1 s",
            code="too_many_connections",
        )
        crowded.headers = {"Retry-After": "1", "Connection": "close"}
        return await ErrorResponse(crowded)(scope, receive, send)


class TimeoutProtocol(H11Protocol):
    """Closes a connection when a request on it has not come whole after PATIENCE · `seconds`, even
    if no app waits for it: its head is not there yet, or it was answered before its body came.
    What `state.door` refuses is answered here: no app hears of it.

    Beyond `state.max_connections` a new connection takes the place of one that is idle: the one
    that has been so for longest, of those without a request so far if there are any. If all are
    busy, it is one of RESERVE that hear that they are too many.
    """

    def __init__(self, state: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn: UnambiguousConnection = UnambiguousConnection(h11.SERVER, _HEAD_BYTES)
        self._state = state
        self._seconds = PATIENCE * state.receive_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._is_cut_short = False  # more comes of a request that is answered here
        self._last_word: _LingeringClose
        self._idle_since = self.loop.time()  # if it is idle
        self._is_reserve = self._is_evicted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]
        self._last_word = _LingeringClose(transport, self._is_sending, self.loop, self._seconds)
        super().connection_made(cast(asyncio.Transport, self._last_word))
        if len(self.connections) > self._state.max_connections:
            self._make_room()
        self.app_state = {**self.app_state, "is_one_too_many": self._is_reserve}
        self._watch(arriving=True)

    def data_received(self, data: bytes) -> None:
        if self._last_word.is_said:
            return
        is_new = self._is_idle() and not self._head_begun()
        if is_new and (refusal := self._state.door.refusal(data)):
            self._is_cut_short = not refusal.is_whole
            self._say_last(refusal.error, refusal.method, refusal.route, refusal.of)
            return
        super().data_received(data)
        is_idle = self._is_idle()
        in_head = is_idle and self._head_begun()
        self._watch(arriving=in_head or self._is_sending())
        if is_idle and not in_head and self.timeout_keep_alive_task is None:
            # A body that came after its answer: uvicorn took the timer for that of a new request.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def send_400_response(self, msg: str) -> None:
        if self.cycle and self.conn.our_state is not h11.IDLE:  # it belongs to a request
            if self.cycle.response_complete:  # which has its answer already
                self.transport.close()
                return
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.problem:
            error = InvalidRequest(self.conn.problem, code="malformed_request")
            self._is_cut_short = True  # there may be a body
        elif len(self.conn.trailing_data[0]) > _HEAD_BYTES:
            error = InvalidRequest(
                f"the request's head is over {_HEAD_BYTES} bytes; send fewer or shorter "
                "headers, and what is long in the body",
                code="head_too_large",
            )
        else:
            error = InvalidRequest(
                "the request is not written as HTTP/1.1 is; use an HTTP client, such as curl",
                code="malformed_request",
            )
        self._say_last(error, "other", "none", None)

    def shutdown(self) -> None:
        super().shutdown()
        if self._last_word.is_said:  # else the server waits for who is still to leave
            self.transport.close()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        self.cycle.body.clear()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch(arriving=False)
        super().connection_lost(exc)
        self._last_word.forget()  # last: uvicorn closes once more

    def _say_last(self, error: ApiError, method: str, route: str, given_id: str | None) -> None:
        """Answers here, and closes."""
        self._idle_since = self.loop.time()
        started = time.perf_counter()
        current = accepted_or_new(given_id)
        error.headers |= {"Connection": "close", HEADER: current}
        answer = ErrorResponse(error)
        lines = [b"HTTP/1.1 %d %b" % (error.status, STATUS_PHRASES[error.status])]
        headers = [*self.server_state.default_headers, *answer.raw_headers]
        lines += [b"%b: %b" % header for header in headers]
        self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        self.transport.close()
        seconds = time.perf_counter() - started
        # We may be in the context of the request before, which is yet to be logged.
        token = request_id.set(current)
        sent = len(answer.body)
        note(self._state.metrics, method, route, error.status, seconds, sent, error.code)
        request_id.reset(token)

    def _make_room(self) -> None:
        others = [
            other
            for other in self.connections
            if isinstance(other, TimeoutProtocol) and other is not self and not other._is_evicted
        ]
        regular = [other for other in others if not other._is_reserve]
        if len(regular) < self._state.max_connections or _evict_one(regular):
            return
        self._is_reserve = True
        reserve = [other for other in others if other._is_reserve]
        if len(reserve) >= RESERVE and not _evict_one(reserve):
            self.transport.abort()

    def _evict(self) -> None:
        self._is_evicted = True  # until the event loop takes it off the list
        self.transport.abort()

    def _has_asked(self) -> bool:
        return self.cycle is not None or self._last_word.is_said

    def _is_evictable(self) -> bool:
        """No request is under way, and its client has taken what was answered."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        return not (is_busy or self._last_word.get_write_buffer_size())

    def _is_idle(self) -> bool:
        return self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE

    def _head_begun(self) -> bool:
        return bool(self.conn.trailing_data[0])

    def _is_sending(self) -> bool:
        """Whether a part of the request's body is still to come."""
        return self._is_cut_short or self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def _watch(self, *, arriving: bool) -> None:
        if arriving and self._deadline is None:
            self._deadline = self.loop.call_later(self._seconds, self.transport.abort)
        elif not arriving and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _evict_one(connections: Iterable[TimeoutProtocol]) -> bool:
    """Closes the connection that can be spared most; whether there is one."""
    idle = [connection for connection in connections if connection._is_evictable()]
    if not idle:
        return False
    min(idle, key=lambda other: (other._has_asked(), other._idle_since))._evict()
    return True


class _LingeringClose:
    """A transport that ends its own side first where the other is still sending, and closes when
    that ends too, or at the second call. If it closed at once, what comes would be answered with a
    reset, and that takes the answer from who has not read it yet."""

    def __init__(
        self,
        transport: asyncio.Transport,
        is_sending: Callable[[], bool],
        loop: Loop,
        seconds: float,
    ) -> None:
        self._transport, self._is_sending, self._loop = transport, is_sending, loop
        self._seconds = seconds
        self._end: asyncio.TimerHandle | None = None
        self.is_said = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.is_said or self._transport.is_closing()

    def forget(self) -> None:
        if self._end:
            self._end.cancel()

    def close(self) -> None:
        if self._end is None:  # who neither leaves nor reads is dropped
            self._end = self._loop.call_later(self._seconds, self._transport.abort)
        if self._is_sending() and self._transport.can_write_eof() and not self.is_said:
            self.is_said = True
            try:
                self._transport.write_eof()
            except OSError:  # the other has left already
                self._transport.abort()
                return
            self._transport.pause_reading()
            self._loop.call_later(LINGER_SECONDS, self._transport.resume_reading)
        else:
            self._transport.close()
