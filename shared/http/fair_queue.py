"""A fair queue: callers take turns at a scarce resource (round robin).

The next turn goes to the caller whose last turn is longest ago, and among its requests to the
oldest. A caller with many requests gets no more turns than one with a single request. With one
caller this is a plain queue.
"""

import asyncio
from collections import Counter, deque
from contextvars import ContextVar

caller: ContextVar[str] = ContextVar("caller", default="")
"""Name of the request's sender, in an app that tells callers apart; "" for all others, which have
no limit of their own."""


class FairQueue:
    """turns: held at a time. max_of_one: turns that one caller may hold."""

    def __init__(self, turns: int, max_of_one: int) -> None:
        self._free = turns
        self._max_of_one = max_of_one
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._given = 0
        self._last: dict[str, int] = {}  # the number of each caller's last turn

    async def acquire(self, caller_id: str) -> None:
        """Wait for a turn of this caller."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller_id, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(caller_id, turn)
                self._forget_absent(caller_id)
            else:  # the turn was given at the same moment
                self.release(caller_id)
            raise

    def release(self, caller_id: str) -> None:
        """Give a turn back."""
        self._free += 1
        self._held[caller_id] -= 1
        self._give()
        self._forget_absent(caller_id)

    def _give(self) -> None:
        while self._free and (caller_id := self._next()) is not None:
            turn = self._waiting[caller_id][0]
            self._remove(caller_id, turn)
            if not turn.done():
                self._free -= 1
                self._held[caller_id] += 1
                self._given += 1
                self._last[caller_id] = self._given
                turn.set_result(None)

    def _next(self) -> str | None:
        """The caller with the oldest last turn; callers without one come first, in their order."""
        allowed = [at for at in self._waiting if not at or self._held[at] < self._max_of_one]
        return min(allowed, key=lambda caller_id: self._last.get(caller_id, 0), default=None)

    def _remove(self, caller_id: str, turn: "asyncio.Future[None]") -> None:
        waiting = self._waiting.get(caller_id)
        if waiting and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[caller_id]

    def _forget_absent(self, caller_id: str) -> None:
        if not self._held[caller_id]:
            del self._held[caller_id]
            if caller_id not in self._waiting:
                self._last.pop(caller_id, None)
