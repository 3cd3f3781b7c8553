"""Admission control: compute slots, one for most apps, and a bounded queue in front of them."""

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from statistics import median
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from shared.http.deadlines import HEADER, seconds_left
from shared.http.errors import QueueFull, TooSlow
from shared.http.fair_queue import FairQueue, caller

T = TypeVar("T")
_STARTED: Any = object()
_END: Any = object()
_FIRST_ESTIMATE = 1.0  # seconds a request computes, until one has
_SMOOTHING = 0.2  # weight of the last request in the moving average
_SWITCH_SECONDS = 0.000_5


def set_switch_interval() -> None:
    """Shorten the interval after which Python's lock is handed over, from 5 ms to 0.5 ms.

    With 5 ms the computing thread waits that long after every matrix product while the event loop
    rejects requests: at ten times its capacity the synthesizer lost a tenth of its answers.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


class _Ticket:
    """Admission of one request: a place in the queue, held while its body is read."""

    def __init__(self, slot: "ComputeSlot") -> None:
        self._slot: ComputeSlot | None = slot
        self._caller = caller.get()
        slot.arriving += 1
        slot.count(self._caller, 1)

    def release(self, slot: "ComputeSlot | None" = None) -> None:
        """Give the place up; with `slot`, only if it is a place there."""
        if self._slot and slot in (None, self._slot):
            self._slot.arriving -= 1
            self._slot.count(self._caller, -1)
            self._slot = None


_ticket: ContextVar[_Ticket | None] = ContextVar("ticket", default=None)


class ComputeSlot:
    """Runs blocking work in threads, first come, first served; several callers take turns.

    queue_limit: requests that may wait, including those whose bodies are arriving; one more raises
        QueueFull.
    queue_seconds: a request that has waited longer raises TooSlow, and nothing is computed for it.
        So does one whose own deadline passes first.
    concurrency: requests that compute at a time.
    threads: threads that these requests share; one for each if None.
    share: fraction of the turns and of the queue that one caller may hold, 0 to 1.
    """

    def __init__(
        self,
        queue_limit: int,
        queue_seconds: float,
        concurrency: int = 1,
        threads: int | None = None,
        share: float = 1.0,
    ) -> None:
        self.queue_limit = queue_limit
        self.concurrency = concurrency
        self.queue_seconds = queue_seconds
        self.waiting = 0
        self.arriving = 0
        self._of_caller: Counter[str] = Counter()
        self._max_of_caller = max(1, int(share * (queue_limit + concurrency)))
        self._turns = FairQueue(concurrency, max(1, int(share * concurrency)))
        self._threads = CapacityLimiter(threads or concurrency)
        self._average_seconds = _FIRST_ESTIMATE
        self._has_average = False
        self._started: list[float] = []  # start times of the requests that compute

    async def run(self, work: Callable[[], T]) -> T:
        """Call `work` in a thread when its turn comes. Raises QueueFull and TooSlow."""
        async with self.turn():
            return await to_thread.run_sync(work, limiter=self._threads)

    async def stream(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        """Iterate in a thread over what `start` returns; the turn is held to the end.

        Returns once the first item exists, so that an earlier error can become an error response.
        Closing the generator closes the iterator, which stops its work.
        """
        items = self._items(start)
        assert await anext(items) is _STARTED
        return items

    @property
    def running(self) -> int:
        """Requests that compute."""
        return len(self._started)

    @property
    def queued(self) -> int:
        """Requests that wait, or whose bodies are arriving."""
        return self.waiting + self.arriving

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for a request from before its body is read until it computes.

        Raises QueueFull. Admission is decided once, here: a request is not rejected after its body
        was read and parsed.
        """
        self.require_room()
        ticket = _Ticket(self)
        token = _ticket.set(ticket)
        try:
            yield
        finally:
            _ticket.reset(token)
            ticket.release()

    def require_room(self) -> None:
        """Raises QueueFull if another request would not even be queued."""
        taken, limit = self.queued + self.running, self.queue_limit + self.concurrency
        own = self._of_caller[caller.get()]
        has_share = own < self._max_of_caller or not caller.get()
        if taken < limit and has_share:
            return
        seconds = self.seconds_until_turn()
        if taken < limit:
            raise QueueFull(
                f"{own} of your requests are running or queued, the limit for one caller is "
                f"{self._max_of_caller} of {limit}; try again in {seconds} s",
                retry_after_seconds=seconds,
            )
        raise QueueFull(
            f"{taken} requests are running or queued, the limit is {limit}; try again in "
            f"{seconds} s",
            retry_after_seconds=seconds,
        )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises QueueFull and TooSlow."""
        if ticket := _ticket.get():
            ticket.release(self)
        self.require_room()
        with self._counted() as caller_id:
            await self._wait_for_turn(caller_id)
            started = time.monotonic()
            self._started.append(started)
            try:
                yield
            finally:
                self._turns.release(caller_id)
                self._started.remove(started)
                self._update_average(time.monotonic() - started)

    def count(self, caller_id: str, n: int) -> None:
        """Add n to the number of requests of a caller."""
        self._of_caller[caller_id] += n
        if not self._of_caller[caller_id]:
            del self._of_caller[caller_id]

    def seconds_until_turn(self) -> int:
        """Estimate of the wait of a request that joins the queue now, at least 1."""
        # A long stream shows how long it takes before it ends. The list is empty for a moment
        # between two requests.
        running = median([time.monotonic() - started for started in self._started] or [0])
        turns = (self.queued + 1) / self.concurrency
        return max(1, math.ceil(max(self._average_seconds, running) * turns))

    async def _items(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        async with self.turn():
            items = await to_thread.run_sync(start, limiter=self._threads)
            try:
                step = partial(to_thread.run_sync, next, items, _END, limiter=self._threads)
                item = await step()
                yield _STARTED  # closing a generator does nothing until it has been started
                while item is not _END:
                    yield item
                    item = await step()
            finally:
                if isinstance(items, Generator):
                    items.close()

    @contextmanager
    def _counted(self) -> Iterator[str]:
        caller_id = caller.get()
        self.count(caller_id, 1)
        try:
            yield caller_id
        finally:
            self.count(caller_id, -1)

    async def _wait_for_turn(self, caller_id: str) -> None:
        self.waiting += 1
        of_caller = seconds_left()
        seconds = min(self.queue_seconds, of_caller)
        try:
            if seconds <= 0:
                raise TimeoutError
            async with asyncio.timeout(seconds):
                await self._turns.acquire(caller_id)
        except TimeoutError:
            waited = f"the request waited {max(0, seconds):.3g} s for its turn and was dropped"
            if of_caller < self.queue_seconds:
                raise TooSlow(
                    f"{waited}, as {HEADER} allows no more; allow more, or try again later",
                    param=HEADER.lower(),
                ) from None
            raise TooSlow(f"{waited}; try again later") from None
        finally:
            self.waiting -= 1

    def _update_average(self, seconds: float) -> None:
        if not self._has_average:
            self._average_seconds, self._has_average = seconds, True
        self._average_seconds += _SMOOTHING * (seconds - self._average_seconds)
