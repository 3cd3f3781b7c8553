"""WebSockets under uvicorn, with bounded memory for a client that does not read."""

import asyncio
import logging
import re
from typing import TYPE_CHECKING, cast

import h11
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.events import Ping

if TYPE_CHECKING:
    from shared.http.uvicorn_server import LingeringClose

MAX_MESSAGE_BYTES = 2**19
"""Limit of one message, a session's lexicon included; a longer one closes with 1009."""
SOCKET_READ_BYTES = 2_048
"""Bytes read at a time: at most 340 messages, handled before other connections get a turn."""
SOCKET_UNSENT_BYTES = 16_384
"""Sending waits while more is unsent. Sound that has been sent cannot be taken back."""

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_log = logging.getLogger("better.websocket")
_log.setLevel(logging.WARNING)


def find_handshake_problem(request: h11.Request) -> str | None:
    """The reason why a request cannot open a WebSocket (RFC 6455, section 4.2.1); None without one.

    wsproto answers some of these without a body, and cannot decode others.
    """
    if request.method != b"GET" or request.http_version != b"1.1":
        return "a WebSocket is opened by GET and HTTP/1.1"
    fields: dict[bytes, list[bytes]] = {}
    for name, value in request.headers:
        fields.setdefault(name, []).append(value)
    if fields.get(b"content-length", [b"0"]) != [b"0"] or b"transfer-encoding" in fields:
        return "a request that opens a WebSocket has no body"
    if fields.get(b"sec-websocket-version") != [b"13"]:
        return "Sec-WebSocket-Version must be 13"
    if not _KEY.fullmatch(b",".join(fields.get(b"sec-websocket-key", []))):
        return "Sec-WebSocket-Key must be 16 bytes in base64"
    for name, values in fields.items():
        is_read = name == b"connection" or name.startswith(b"sec-websocket-")
        if is_read and not b"".join(values).isascii():
            return f"{name.decode()} holds other characters than ASCII"
    try:
        b"".join(fields.get(b"host", [])).decode("idna")
    except UnicodeError:
        return "Host is not a host name"
    return None


class SocketProtocol(WSProtocol):
    """A WebSocket, which counts as a busy connection. Its transport is that of the request.

    uvicorn answers each ping at once and logs each address with its query, which may hold a key.
    Here the pings of a client that does not read wait, and the last one alone is answered.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.logger = _log
        self.unanswered: Ping | None = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except UnicodeError:  # in the handshake; uvicorn would forget the connection
            self.transport.abort()

    def handle_ping(self, event: Ping) -> None:
        if self.writable.is_set():
            super().handle_ping(event)
        else:
            self.unanswered = event

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.unanswered and not self.close_sent:
            super().handle_ping(self.unanswered)
        self.unanswered = None

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if not self.writable.is_set():  # the client reads nothing, and closing would wait for it
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        cast("LingeringClose", self.transport).cancel()
