"""uvicorn, with limits that it does not have by itself.

This module and `websocket_protocol` alone extend classes of uvicorn and h11. uvicorn has no time
limit for the head of a request, closes a connection at once after an early response (which resets
it before the client has read that response), answers malformed requests in plain text, and refuses
connections beyond a limit without regard to idle ones. None of this can be configured or done in
middleware, so `TimeoutProtocol` overrides methods of `H11Protocol`. Their behaviour may change in
any release: pyproject.toml pins uvicorn exactly, and tests/shared/http/test_uvicorn_server.py fails
if a release changes a name used here.
"""

import asyncio
import re
import socket
import time
from asyncio import AbstractEventLoop as Loop
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from shared.http.app_state import AppState
from shared.http.errors import ApiError, InvalidRequest
from shared.http.json_routes import ErrorResponse
from shared.http.process_memory import freeze_gc
from shared.http.request_id import HEADER, accepted_or_new, request_id
from shared.http.request_log import log_request
from shared.http.websocket_protocol import (
    MAX_MESSAGE_BYTES,
    SOCKET_READ_BYTES,
    SOCKET_UNSENT_BYTES,
    SocketProtocol,
    find_handshake_problem,
)

UVICORN_CONFIG: dict[str, Any] = {
    "loop": "asyncio",  # TimeoutProtocol sets an attribute that uvloop's transports lack
    "timeout_graceful_shutdown": 1,  # seconds, after DRAIN_SECONDS
    "ws": SocketProtocol,
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_per_message_deflate": False,  # sound is compressed already, and a window takes memory
}
"""Arguments of uvicorn's Config, under gunicorn and alone."""

ARRIVAL_FACTOR = 1.5
"""A request has this many times RECEIVE_SECONDS to arrive. Where an app reads the body,
`bodies.BodyLimit` responds with 408 before that."""
RESERVE = 64
"""Connections beyond MAX_CONNECTIONS that still get a 503."""
LINGER_SECONDS = 0.5
"""A refused client has this long to read the response before the rest of its request is read and
discarded. Most clients read and leave; the others send everything first."""
DRAIN_SECONDS = 20.0
"""Time for requests in progress when the process stops. 7 s are left for closing the app until
gunicorn kills it, 9 s until Heroku does."""
_HEAD_BYTES = 16_384  # limit of an incomplete head
_READ_BYTES = 65_536  # at a time; asyncio's 262,144 add up over many connections
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class StrictConnection(h11.Connection):
    """h11's server connection, which rejects requests with ambiguous framing.

    A proxy in front may read such a request in another way and take a part of it for the next one:
    request smuggling (RFC 9112, sections 5.2, 6.1 and 6.3).

    problem: the ambiguity, once a request was rejected.
    """

    problem: str | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.IDLE:
            self.problem = find_ambiguity(self.trailing_data[0])
            if self.problem:
                raise h11.RemoteProtocolError(self.problem)
        return super().next_event()


def find_ambiguity(received: bytes) -> str | None:
    """The ambiguity of a request's framing; None without one, and while its head is incomplete."""
    end = _HEAD_END.search(received)
    if end is None:
        return None
    request_line, *lines = received[: end.start()].split(b"\n")
    if any(line[:1] in (b" ", b"\t") for line in lines):
        return "a header is continued on the next line; write each on one line"
    fields = [(name.strip().lower(), value) for name, _, value in map(_split_field, lines)]
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if lengths and codings:
        return "the request has both Content-Length and Transfer-Encoding; send one of them"
    if len(lengths) > 1 or any(b"," in length for length in lengths):
        return "the request has more than one Content-Length; send one"
    if codings and [coding.strip().lower() for coding in codings] != [b"chunked"]:
        return "Transfer-Encoding must be chunked, and nothing else; or leave it out"
    if codings and not request_line.rstrip().endswith(b"HTTP/1.1"):
        return "Transfer-Encoding needs HTTP/1.1"
    return None


def _split_field(line: bytes) -> tuple[bytes, bytes, bytes]:
    return line.partition(b":")


class TimeoutProtocol(H11Protocol):
    """A connection with time limits, a lingering close, and errors in JSON.

    It is closed if a request has not arrived completely after ARRIVAL_FACTOR · RECEIVE_SECONDS,
    even if no app reads it: its head is incomplete, or it got an early response.

    A connection beyond MAX_CONNECTIONS takes the place of an idle one: the one idle longest, and
    connections that never sent a request go first. If all are busy, up to RESERVE get a 503.
    """

    def __init__(self, state: AppState[Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn: StrictConnection = StrictConnection(h11.SERVER, _HEAD_BYTES)
        self.state = state
        self.arrival_seconds = ARRIVAL_FACTOR * state.settings.receive_seconds
        self.deadline: asyncio.TimerHandle | None = None
        self.has_unread_body = False  # of a request that was rejected here
        self.lingering: LingeringClose
        self.idle_since = self.loop.time()
        self.is_reserve = self.is_evicted = self.is_upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]
        self.lingering = LingeringClose(
            transport, self.is_receiving, self.loop, self.arrival_seconds
        )
        super().connection_made(cast(asyncio.Transport, self.lingering))
        if len(self.connections) > self.state.settings.max_connections:
            self.make_room()
        self.app_state = {**self.app_state, "is_beyond_limit": self.is_reserve}
        self.set_deadline(is_arriving=True)

    def data_received(self, data: bytes) -> None:
        if self.lingering.has_started:
            return
        super().data_received(data)
        if self.is_upgraded:
            return
        is_idle = self.is_idle()
        in_head = is_idle and bool(self.conn.trailing_data[0])
        self.set_deadline(is_arriving=in_head or self.is_receiving())
        if is_idle and not in_head and self.timeout_keep_alive_task is None:
            # A body that arrived after its response: uvicorn cancelled the timer as for a request.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    @property
    def ws_protocol_class(self) -> type[asyncio.Protocol] | None:
        """None where the app has no WebSocket: uvicorn then ignores an upgrade, as HTTP allows."""
        path = self.scope["path"].removeprefix(self.state.settings.root_path).rstrip("/")
        return self.socket_protocol if path in self.state.socket_paths else None

    @ws_protocol_class.setter
    def ws_protocol_class(self, protocol: type[asyncio.Protocol] | None) -> None:
        self.socket_protocol = protocol

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if problem := find_handshake_problem(event):
            self.has_unread_body = True  # it may have one
            self.reject(
                InvalidRequest(f"{problem}; use a client of WebSockets", code="malformed_request")
            )
            return
        self.is_upgraded = True  # nothing of the request is left to arrive
        self.set_deadline(is_arriving=False)
        self.lingering.limit_buffers(SOCKET_READ_BYTES, SOCKET_UNSENT_BYTES)
        if 2 * self.count_sockets() >= self.state.settings.max_connections:
            self.app_state["is_beyond_limit"] = True
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        if self.cycle and self.conn.our_state is not h11.IDLE:  # the error is in a body
            if self.cycle.response_complete:
                self.transport.close()
                return
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.problem:
            error = InvalidRequest(self.conn.problem, code="malformed_request")
            self.has_unread_body = True  # it may have one
        elif len(self.conn.trailing_data[0]) > _HEAD_BYTES:
            error = InvalidRequest(
                f"the request's head is over {_HEAD_BYTES} bytes; send fewer or shorter headers, "
                "and long values in the body",
                code="head_too_large",
            )
        else:
            error = InvalidRequest(
                "the request is not valid HTTP/1.1; use an HTTP client, such as curl",
                code="malformed_request",
            )
        self.reject(error)

    def shutdown(self) -> None:
        if self.transport.is_closing():  # else the server waits for the client to leave
            self.transport.close()
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        self.cycle.body.clear()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.set_deadline(is_arriving=False)
        super().connection_lost(exc)
        self.lingering.cancel()  # last, since uvicorn closes once more

    def reject(self, error: ApiError) -> None:
        """Send an error without the app, log it and close."""
        self.idle_since = self.loop.time()
        started = time.perf_counter()
        current = accepted_or_new(None)
        error.headers |= {"Connection": "close", HEADER: current}
        response = ErrorResponse(error)
        phrase = HTTPStatus(error.status).phrase
        lines = [f"HTTP/1.1 {error.status} {phrase}".encode()]
        headers = [*self.server_state.default_headers, *response.raw_headers]
        lines += [b"%b: %b" % header for header in headers]
        self.transport.write(b"\r\n".join([*lines, b"", response.body]))
        self.transport.close()
        seconds = time.perf_counter() - started
        # This may run in the context of the previous request, which is yet to be logged.
        token = request_id.set(current)
        sent = len(response.body)
        log_request(self.state.metrics, "other", "none", error.status, seconds, sent, error.code)
        request_id.reset(token)

    def make_room(self) -> None:
        """Evict an idle connection, or become one of the reserve."""
        others = [
            other
            for other in self.connections
            if isinstance(other, TimeoutProtocol) and other is not self and not other.is_evicted
        ]
        regular = [other for other in others if not other.is_reserve]
        taken = len(regular) + self.count_sockets()
        if taken < self.state.settings.max_connections or _evict_one(regular):
            return
        self.is_reserve = True
        reserve = [other for other in others if other.is_reserve]
        if len(reserve) >= RESERVE and not _evict_one(reserve):
            self.transport.abort()

    def count_sockets(self) -> int:
        return sum(isinstance(other, SocketProtocol) for other in self.connections)

    def evict(self) -> None:
        self.is_evicted = True  # until the event loop removes it from the connections
        self.transport.abort()

    def has_sent_request(self) -> bool:
        return self.cycle is not None or self.lingering.has_started

    def is_evictable(self) -> bool:
        """No request is in progress, and the client has received its responses."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        return not (is_busy or self.lingering.get_write_buffer_size())

    def is_idle(self) -> bool:
        return self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE

    def is_receiving(self) -> bool:
        """True if a part of the request's body is still to come."""
        if self.is_upgraded:
            return False
        return self.has_unread_body or self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def set_deadline(self, *, is_arriving: bool) -> None:
        """Start the timer when a request begins to arrive, cancel it when it is complete."""
        if is_arriving and self.deadline is None:
            self.deadline = self.loop.call_later(self.arrival_seconds, self.transport.abort)
        elif not is_arriving and self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def _evict_one(connections: Iterable[TimeoutProtocol]) -> bool:
    """Close an idle connection; False if there is none."""
    idle = [connection for connection in connections if connection.is_evictable()]
    if not idle:
        return False
    min(idle, key=lambda other: (other.has_sent_request(), other.idle_since)).evict()
    return True


class LingeringClose:
    """A transport whose `close` first ends its own side while the client is still sending.

    It closes when the client does, or at the second call. Closing at once would answer the rest of
    the request with a reset, and the client would lose a response it has not read yet.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        is_receiving: Callable[[], bool],
        loop: Loop,
        seconds: float,
    ) -> None:
        self._transport, self._is_receiving, self._loop = transport, is_receiving, loop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.has_started = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def limit_buffers(self, read: int, write: int) -> None:
        """Set the bytes that are read at a time, and those unsent at which writing pauses.

        The kernel's buffer, which would grow to 4 MiB for a client that does not read, holds some
        four times `write`.
        """
        self._transport.max_size = read  # type: ignore[attr-defined]
        self._transport.set_write_buffer_limits(high=write)
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * write)

    def is_closing(self) -> bool:
        return self.has_started or self._transport.is_closing()

    def cancel(self) -> None:
        if self._timer:
            self._timer.cancel()

    def close(self) -> None:
        if self._timer is None:  # for a client that neither leaves nor reads
            self._timer = self._loop.call_later(self._seconds, self._transport.abort)
        if self._is_receiving() and self._transport.can_write_eof() and not self.has_started:
            self.has_started = True
            try:
                self._transport.write_eof()
            except OSError:  # the client has left already
                self._transport.abort()
                return
            self._transport.pause_reading()
            self._loop.call_later(LINGER_SECONDS, self._transport.resume_reading)
        else:
            self._transport.close()


class DrainingServer(Server):
    """A server that goes on accepting connections while requests are in progress, then closes."""

    def __init__(self, config: Config, state: AppState[Any]) -> None:
        super().__init__(config)
        self.state = state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        freeze_gc()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.state.ready = False
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.state.requests_in_progress and not self.force_exit:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
