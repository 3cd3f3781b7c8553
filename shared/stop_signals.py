"""Stop signals (Ctrl-C, SIGTERM, a closed terminal) as an exception, so that programs clean up."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last two on some systems only
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_SIGHUP = getattr(signal, "SIGHUP", None)
MAX_BURST_SECONDS = 1.0
"""Stop signals that arrive within this time are one request to stop: a supervisor signals the whole
process group, and `make` then signals its child again."""


class StopSignal(SystemExit):
    """Exits with 128 + the signal's number, as shells report it, and without a traceback."""


def raise_on_stop_signals() -> None:
    """Make each stop signal raise StopSignal in the main thread, from now on."""
    for number in STOP_SIGNALS:
        if number != _SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    raise StopSignal(128 + number)


@contextmanager
def stop_signals_held() -> Iterator[list[int]]:
    """Hold stop signals back until the end of the block; the list has those that arrived."""
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: held.append(number))
        for number in STOP_SIGNALS
    }
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


class StopSignalOnce:
    """Between `install` and `restore`, only the first stop signal acts; later ones do not interrupt
    the cleanup that it started.

    is_impatient: set by a signal more than MAX_BURST_SECONDS after the first, or by a first signal
    after `hold`.
    """

    def __init__(self) -> None:
        self.is_impatient = False
        self._before: dict[int, Any] = {}
        self._first_seconds: float | None = None
        self._is_held = False
        self._pending: int | None = None

    def install(self) -> None:
        """Take over all stop signals that are not ignored."""
        for number in STOP_SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._before[number] = signal.signal(number, self._handle)

    def hold(self) -> None:
        """Hold a first signal back until `restore`, from now on."""
        self._is_held = True

    def restore(self) -> None:
        """Put the previous handlers back, and raise a signal that was held back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._pending is not None:
            signal.raise_signal(self._pending)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first_seconds is not None:
            self.is_impatient |= now - self._first_seconds > MAX_BURST_SECONDS
            return
        self._first_seconds = now
        if self._is_held:
            self.is_impatient, self._pending = True, number
        elif callable(handler := self._before[number]):
            handler(number, frame)
        else:
            _raise(number, frame)
