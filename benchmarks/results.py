"""Results of a measurement: rows of numbers with units, tables of rows, and timing."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MILLISECONDS = 1e3  # per second
MEGABYTES = 1e-6  # per byte


@dataclass(frozen=True)
class Row:
    """One quantity, measured in several runs.

    limit: upper bound, if there is one. digits: significant digits to show.
    """

    name: str
    unit: str
    runs: Sequence[float]
    limit: float | None = None
    digits: int = 3

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": statistics.median(self.runs),
            "min": min(self.runs),
            "max": max(self.runs),
            "runs": len(self.runs),
            "limit": self.limit,
        }


@dataclass(frozen=True)
class Table:
    """skipped: measurements that were not possible, and why."""

    title: str
    note: str
    rows: Sequence[Row]
    skipped: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        rows = [row.to_dict() for row in self.rows]
        skipped = list(self.skipped)
        return {"title": self.title, "note": self.note, "rows": rows, "skipped": skipped}

    def lines(self) -> Iterator[str]:
        width = max(len(row.name) for row in self.rows)
        yield f"{self.title}: {self.note}"
        yield f"  {'':{width}} {'median':>9} {'min':>9} {'max':>9}  {'unit':8} limit"
        for row in self.rows:
            of_runs = statistics.median(row.runs), min(row.runs), max(row.runs)
            numbers = " ".join(f"{_short(number, row.digits):>9}" for number in of_runs)
            limit = "" if row.limit is None else f"{row.limit:g}"
            yield f"  {row.name:{width}} {numbers}  {row.unit:8} {limit}".rstrip()
        yield from (f"  skipped: {what}" for what in self.skipped)


def _short(value: float, digits: int) -> str:
    """Significant digits, without an exponent except for tiny values."""
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def seconds_of(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each run, after a warm-up run."""
    work()
    return [_seconds(work) for _ in range(runs)]


def seconds_side_by_side(
    works: Sequence[Callable[[], object]], runs: int
) -> Sequence[Sequence[float]]:
    """Seconds of each run of each work, after a warm-up run.

    The works alternate, so that load on the machine affects them alike.
    """
    for work in works:
        work()
    turns = [[_seconds(work) for work in works] for _ in range(runs)]
    return [*zip(*turns, strict=True)]


def ratios(slower: Sequence[float], faster: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(slower, faster, strict=True)]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
