"""The connections of the workers: uvicorn's, but none waits for ever for a request to come."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 1.5
"""Times the seconds that a body may take: where an app waits for it, `wire.BodyLimit` answers 408
first."""


class PunctualProtocol(H11Protocol):
    """Closes a connection when a request on it has not come whole after PATIENCE · `seconds`, even
    if no app waits for it: its head is not there yet, or it was answered before its body came."""

    def __init__(self, seconds: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seconds = PATIENCE * seconds
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch(arriving=True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        in_head = state is h11.IDLE and bool(self.conn.trailing_data[0])
        self._watch(arriving=in_head or state is h11.SEND_BODY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch(arriving=False)
        super().connection_lost(exc)

    def _watch(self, *, arriving: bool) -> None:
        if arriving and self._deadline is None:
            self._deadline = self.loop.call_later(self._seconds, self.transport.close)
        elif not arriving and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
