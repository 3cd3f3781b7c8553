"""The computing slots of a process, one for most services, and a bounded queue before them."""

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
from fastapi import Request

from shared.http.deadlines import HEADER, seconds_left
from shared.http.errors import QueueFull, TooSlow
from shared.http.fair_queue import FairQueue, caller

T = TypeVar("T")
_BEGUN: Any = object()
_END: Any = object()
_FIRST_GUESS = 1.0  # seconds that a request computes, before any did
_SWITCH_SECONDS = 0.000_5
"""Until a thread that holds Python's lock has to give it to one that waits. With Python's own 5 ms
the computing thread gets it back late after every product while the event loop refuses requests:
at ten times the capacity that cost the synthesizer a tenth of its answers."""


def set_switch_interval() -> None:
    """Let computing threads and the event loop take turns that are short enough for both."""
    sys.setswitchinterval(_SWITCH_SECONDS)


class _Ticket:
    """Of a request whose body is being read: what it will wait or compute on, once it can."""

    def __init__(self, slot: "ComputeSlot") -> None:
        self._slot: ComputeSlot | None = slot
        self._caller = caller.get()
        slot.arriving += 1
        slot.count(self._caller, 1)

    def give_up(self, slot: "ComputeSlot | None" = None) -> None:
        """slot: only if it is of that one; of whichever it is if None."""
        if self._slot and slot in (None, self._slot):
            self._slot.arriving -= 1
            self._slot.count(self._caller, -1)
            self._slot = None


_place: ContextVar[_Ticket | None] = ContextVar("place", default=None)


class ComputeSlot:
    """Runs blocking work in a thread, one request after the other, in the order they came; where
    there are several callers, they take turns.

    concurrency: requests that may compute at a time, where they share their work.
    threads: that they share; one for each if None.
    queue_limit: requests that may wait, those whose bodies come in included; one more raises
        QueueFull.
    share: of the turns and of the queue that one caller may have, 0 to 1.
    queue_seconds: a request that waited longer raises TooSlow before any work is done; so does one
        whose caller waits no longer.
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
        self._max_of_one = max(1, int(share * (queue_limit + concurrency)))
        self._turns = FairQueue(concurrency, max(1, int(share * concurrency)))
        self._thread = CapacityLimiter(threads or concurrency)
        self._typical_seconds: float | None = None
        self._begun: list[float] = []  # when each that has its turn began

    async def run(self, work: Callable[[], T]) -> T:
        async with self.turn():
            return await to_thread.run_sync(work, limiter=self._thread)

    async def stream(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        """The items of a blocking iterator, each made in the thread; the slot is held to the end.

        Returns once the first item is there, so that an error before it can still be answered.
        Closing what it returns closes the iterator, so that its work stops where it is.
        """
        items = self._items(start)
        assert await anext(items) is _BEGUN
        return items

    @property
    def queued(self) -> int:
        """Requests that wait, or whose bodies come in."""
        return self.waiting + self.arriving

    @contextmanager
    def place(self) -> Iterator[None]:
        """For a request from before its body is read until it computes, which gives the place up.

        Raises QueueFull at once if there is none: whoever is let in is not refused later, when
        reading and parsing have cost what they cost.
        """
        self.require_room()
        place = _Ticket(self)
        token = _place.set(place)
        try:
            yield
        finally:
            _place.reset(token)
            place.give_up()

    def require_room(self) -> None:
        """Raises QueueFull if one more request could not even wait."""
        taken, most = self.queued + len(self._begun), self.queue_limit + self.concurrency
        own = self._of_caller[caller.get()]
        has_share = own < self._max_of_one or not caller.get()
        if taken < most and has_share:
            return
        seconds = self.seconds_until_turn()
        if taken < most:
            raise QueueFull(
                f"{own} of your requests are computed, wait or are on their way here already, the "
                f"limit of one caller is {self._max_of_one} of {most}; try again in {seconds} s",
                retry_after_seconds=seconds,
            )
        raise QueueFull(
            f"{taken} requests are computed, wait or are on their way here already, the limit is "
            f"{most}; try again in {seconds} s",
            retry_after_seconds=seconds,
        )

    async def _items(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
        async with self.turn():
            items = await to_thread.run_sync(start, limiter=self._thread)
            try:
                step = partial(to_thread.run_sync, next, items, _END, limiter=self._thread)
                item = await step()
                yield _BEGUN  # only a generator that has begun does anything when it is closed
                while item is not _END:
                    yield item
                    item = await step()
            finally:
                if isinstance(items, Generator):
                    items.close()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises QueueFull and TooSlow."""
        if place := _place.get():
            place.give_up(self)
        self.require_room()
        with self._counted() as who:
            await self._wait_for_turn(who)
            begun = time.monotonic()
            self._begun.append(begun)
            try:
                yield
            finally:
                self._turns.release(who)
                self._begun.remove(begun)
                self._note(time.monotonic() - begun)

    @contextmanager
    def _counted(self) -> Iterator[str]:
        """Among the requests of its caller, who is given."""
        who = caller.get()
        self.count(who, 1)
        try:
            yield who
        finally:
            self.count(who, -1)

    def count(self, who: str, n: int) -> None:
        """Note that a caller has n requests more here."""
        self._of_caller[who] += n
        if not self._of_caller[who]:
            del self._of_caller[who]

    async def _wait_for_turn(self, who: str) -> None:
        self.waiting += 1
        callers = seconds_left()
        seconds = min(self.queue_seconds, callers)
        try:
            if seconds <= 0:
                raise TimeoutError
            async with asyncio.timeout(seconds):
                await self._turns.acquire(who)
        except TimeoutError:
            waited = f"waited {max(0, seconds):.3g} s for its turn; nothing was done"
            if callers < self.queue_seconds:
                raise TooSlow(
                    f"{waited}; {HEADER} allows no more: allow more, or try again later",
                    param=HEADER.lower(),
                ) from None
            raise TooSlow(f"{waited}; try again later") from None
        finally:
            self.waiting -= 1

    def _note(self, seconds: float) -> None:
        typical = seconds if self._typical_seconds is None else self._typical_seconds
        self._typical_seconds = typical + 0.2 * (seconds - typical)

    def seconds_until_turn(self) -> int:
        """Of one that joined the queue now, as far as can be known."""
        typical = _FIRST_GUESS if self._typical_seconds is None else self._typical_seconds
        # Long streams tell how long they take before they are over.
        # There is none just after one has ended, while the next has its turn and is yet to take it.
        under_way = median([time.monotonic() - begun for begun in self._begun] or [0])
        turns = (self.queued + 1) / self.concurrency
        return max(1, math.ceil(max(typical, under_way) * turns))


async def get_slot(request: Request) -> ComputeSlot:
    slot: ComputeSlot = request.app.state.slot
    return slot
