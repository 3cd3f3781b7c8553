"""A wall clock that ignores short steps of the system clock.

A system clock that is wrong for a moment must not make everything expire. So it is compared with
the time since boot, which cannot be set. A step is followed once it has lasted SETTLE_SECONDS.
"""

import threading
import time
from collections.abc import Callable

SETTLE_SECONDS = 600.0
"""How long a step must last. The clock at startup is trusted."""
_SLEW_SECONDS = 5.0  # a smaller difference is drift, or its gradual correction
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # continues during suspend


def _seconds_since_boot() -> float:
    return time.clock_gettime(_BOOT_CLOCK)


def _wall_seconds() -> float:
    return time.time_ns() / 1e9


class SteadyClock:
    """Unix time without short steps. Safe for use by several threads.

    wall: the system clock, in Unix seconds. elapsed: a clock that cannot be set, in seconds.
    """

    def __init__(
        self,
        wall: Callable[[], float] = _wall_seconds,
        elapsed: Callable[[], float] = _seconds_since_boot,
    ) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._offset = wall() - elapsed()
        self._stepped_at: float | None = None  # on the `elapsed` clock
        self._lock = threading.Lock()

    def seconds(self) -> float:
        """Unix time in seconds."""
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
