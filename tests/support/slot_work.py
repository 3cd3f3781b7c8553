"""Work for a computing slot that goes on until it is let go."""

import asyncio
import threading

import pytest

from shared.http.admission import ComputeSlot
from shared.http.errors import QueueFull


class Gate:
    """Work that reports when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.let_go.wait(30)
        return "done"

    async def wait_until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30)


async def until_waiting(slot: ComputeSlot, n: int) -> None:
    async with asyncio.timeout(30):
        while slot.waiting < n:
            await asyncio.sleep(0)


def retry_after(slot: ComputeSlot) -> int:
    with pytest.raises(QueueFull) as refused:
        slot.require_room()
    return int(refused.value.headers["Retry-After"])
