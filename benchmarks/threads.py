"""How many threads a measurement uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_counts(quick: bool = False) -> list[int]:
    """One, and two where there are two cores. Quickly: one, since torch's second thread may be many
    times slower than none where another program has its core."""
    return [1, 2] if usable_cores() > 1 and not quick else [1]


def threads_called(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Torch's own, while the context is open."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
