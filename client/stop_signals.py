"""Ctrl-C, SIGTERM and a closed terminal, turned into an exception that lets everything clean up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal(SystemExit):
    """Ends the program with 128 + the signal's number, as a shell reports it, and no traceback."""


def raise_on_stop_signals() -> None:
    """From now on each of them raises StopSignal in the main thread."""
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    raise StopSignal(128 + number)


@contextmanager
def stop_signals_held() -> Iterator[list[int]]:
    """Signals that arrive inside are put on the list, and act at the end of the block."""
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
