"""WebSockets under uvicorn, with bounded memory for a client that does not read."""

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.events import Ping

if TYPE_CHECKING:
    from shared.http.uvicorn_server import LingeringClose

MAX_MESSAGE_BYTES = 2**19
"""Of one message, the lexicon of a session included; a longer one closes with 1009."""
SOCKET_READ_BYTES = 2_048
"""Read at a time. They may hold 340 messages, which are read before other connections are."""
SOCKET_UNSENT_BYTES = 16_384
"""Sending waits while more is unsent. Sound that has been sent cannot be taken back."""

_log = logging.getLogger("better.websocket")
_log.setLevel(logging.WARNING)


class SocketProtocol(WSProtocol):
    """A WebSocket, which counts as a busy connection. Its transport is that of the request.

    uvicorn answers each ping at once and logs each address with its query, which may hold a key.
    Here the pings of a client that does not read wait, and the last one alone is answered.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.logger = _log
        self.unanswered: Ping | None = None
        super().connection_made(transport)

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
