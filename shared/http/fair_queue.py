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

    async def acquire(self, who: str) -> None:
        """Wait for a turn of this caller."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(who, turn)
                self._forget_absent(who)
            else:  # the turn was given at the same moment
                self.release(who)
            raise

    def release(self, who: str) -> None:
        """Give a turn back."""
        self._free += 1
        self._held[who] -= 1
        self._give()
        self._forget_absent(who)

    def _give(self) -> None:
        while self._free and (who := self._next()) is not None:
            turn = self._waiting[who][0]
            self._remove(who, turn)
            if not turn.done():
                self._free -= 1
                self._held[who] += 1
                self._given += 1
                self._last[who] = self._given
                turn.set_result(None)

    def _next(self) -> str | None:
        """The caller with the oldest last turn; callers without one come first, in their order."""
        allowed = [who for who in self._waiting if not who or self._held[who] < self._max_of_one]
        return min(allowed, key=lambda who: self._last.get(who, 0), default=None)

    def _remove(self, who: str, turn: "asyncio.Future[None]") -> None:
        waiting = self._waiting.get(who)
        if waiting and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[who]

    def _forget_absent(self, who: str) -> None:
        if not self._held[who]:
            del self._held[who]
            if who not in self._waiting:
                self._last.pop(who, None)
