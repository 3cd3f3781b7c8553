"""The yardstick: an fp32 matrix product, which is what the cores can do at best."""

from collections.abc import Callable, Iterator, Sequence

import torch

from benchmarks.results import Row, Table, seconds_of
from benchmarks.threads import thread_counts, threads_called, torch_threads

SIZE = 1024  # rows and columns: large enough to be bound by arithmetic, not by memory
GIGA = 1e9


def measure(runs: int) -> Table:
    return Table("Yardstick", "what to divide by when machines are compared", [*_rows(runs)])


def product() -> Callable[[], object]:
    """The work: one product, on as many threads as torch is set to."""
    a, b = torch.randn(2, SIZE, SIZE)
    return lambda: a @ b


def rates(seconds: Sequence[float]) -> list[float]:
    """GFLOP/s; a multiply-add is two operations."""
    return [2 * SIZE**3 / run / GIGA for run in seconds]


def _rows(runs: int) -> Iterator[Row]:
    for threads in thread_counts():
        with torch_threads(threads):
            seconds = seconds_of(product(), runs)
        name = f"fp32 GEMM {SIZE}x{SIZE}, {threads_called(threads)}"
        yield Row(name, "GFLOP/s", rates(seconds))
