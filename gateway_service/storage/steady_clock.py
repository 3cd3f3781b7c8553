"""A wall clock that follows a step of the machine's clock only once the step has lasted.

A clock that is set wrong for a moment must not make everything expire. So it is compared with the
time since boot, which nobody sets.
"""

import threading
import time
from collections.abc import Callable

SETTLE_SECONDS = 600.0
"""The time that a step must last. A clock that is off when the process starts is believed."""
_SLEW_SECONDS = 5.0  # a smaller difference is the correction of a clock that runs slow or fast
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while suspended


def _seconds_since_boot() -> float:
    return time.clock_gettime(_SINCE_BOOT)


def _wall_seconds() -> float:
    return time.time_ns() / 1e9


class SteadyClock:
    """May be used by several threads at a time.

    wall: Unix time in seconds. elapsed: seconds that nobody sets.
    """

    def __init__(
        self,
        wall: Callable[[], float] = _wall_seconds,
        elapsed: Callable[[], float] = _seconds_since_boot,
    ) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._offset = wall() - elapsed()
        self._stepped_at: float | None = None  # on the clock that nobody sets
        self._lock = threading.Lock()

    def seconds(self) -> float:
        """Unix time."""
        with self._lock:
            elapsed = self._elapsed()
            offset = self._wall() - elapsed
            if abs(offset - self._offset) <= _SLEW_SECONDS:
                self._offset, self._stepped_at = offset, None
            elif self._stepped_at is None:
                self._stepped_at = elapsed
            elif elapsed - self._stepped_at >= SETTLE_SECONDS:
                self._offset, self._stepped_at = offset, None
            return elapsed + self._offset
