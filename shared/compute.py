"""The computing slots of a process, one for most services, and a bounded queue before them."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from shared.errors import QueueFull, TooSlow

T = TypeVar("T")
_END: Any = object()


class ComputeSlot:
    """Runs blocking work in a thread, one request after the other, in the order they came.

    concurrency: requests that may compute at a time, where they share their work.
    queue_limit: requests that may wait; one more raises QueueFull.
    queue_seconds: a request that waited longer raises TooSlow before any work is done.
    """

    def __init__(self, queue_limit: int, queue_seconds: float, concurrency: int = 1) -> None:
        self.queue_limit = queue_limit
        self.concurrency = concurrency
        self.queue_seconds = queue_seconds
        self.waiting = 0
        self._turn = asyncio.Semaphore(concurrency)
        self._thread = CapacityLimiter(concurrency)
        self._typical_seconds = 1.0

    async def run(self, work: Callable[[], T]) -> T:
        async with self._own():
            return await to_thread.run_sync(work, limiter=self._thread)

    async def stream(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        """The items of a blocking iterator, each made in the thread; the slot is held to the end.

        Returns once the first item is there, so that an error before it can still be answered.
        Closing what it returns closes the iterator, so that its work stops where it is.
        """
        items = self._items(start)
        return _with_first(await anext(items), items)

    async def _items(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        async with self._own():
            items = await to_thread.run_sync(start, limiter=self._thread)
            try:
                step = partial(to_thread.run_sync, next, items, _END, limiter=self._thread)
                while (item := await step()) is not _END:
                    yield item
            finally:
                if isinstance(items, Generator):
                    items.close()

    @asynccontextmanager
    async def _own(self) -> AsyncIterator[None]:
        if self._turn.locked() and self.waiting >= self.queue_limit:
            turns = (self.waiting + 1) / self.concurrency
            seconds = math.ceil(self._typical_seconds * turns)
            raise QueueFull(
                f"{self.waiting} requests are waiting already, the limit is {self.queue_limit}; "
                f"try again in {seconds} s",
                retry_after_seconds=seconds,
            )
        await self._wait_for_turn()
        started = time.monotonic()
        try:
            yield
        finally:
            self._turn.release()
            self._typical_seconds += 0.2 * (time.monotonic() - started - self._typical_seconds)

    async def _wait_for_turn(self) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(self.queue_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise TooSlow(
                f"waited {self.queue_seconds:g} s for its turn; nothing was done; try again later"
            ) from None
        finally:
            self.waiting -= 1


async def _with_first(first: T, rest: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(rest):
        yield first
        async for item in rest:
            yield item
