"""Work for a compute slot that runs until it is released."""

import asyncio
import threading

import pytest

from shared.http.admission import ComputeSlot
from shared.http.errors import QueueFull


class Gate:
    """Work that reports its start, and ends when it is released."""

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
