"""Streamed responses: made while a computing slot is held, aborted by an error on the way."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import ClientDisconnect

from shared.http.admission import ComputeSlot
from shared.http.errors import ApiError
from shared.http.request_log import record_error_code

log = logging.getLogger("better")


async def stream_in_slot(slot: ComputeSlot, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The chunks, for a response. The slot is held until the last one, or until it is closed.

    Returns once the first chunk is there, so that an error before it becomes an error response.
    Raises QueueFull and TooSlow. A later ApiError aborts the response.
    """
    held = _held(slot, chunks)
    await anext(held)
    return abort_on_error(held)


async def _held(slot: ComputeSlot, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """b"" once the first chunk is there, then the chunks."""
    async with slot.turn(), aclosing(chunks):
        chunk = await anext(chunks, b"")
        yield b""
        while chunk:
            yield chunk
            chunk = await anext(chunks, b"")


async def abort_on_error(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same chunks. An ApiError closes the connection, so that the client cannot take a part
    for the whole."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield chunk
        except ApiError as error:
            # Without its message, which may quote the text.
            record_error_code(error.code)
            log.warning("speech was aborted: %s, %s", type(error).__name__, error.code)
            raise ClientDisconnect from error
