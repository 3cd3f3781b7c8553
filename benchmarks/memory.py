"""Peak memory of each service: at start, after an ordinary and after the largest request."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.loads import Load, largest, ordinary
from benchmarks.results import Row, Table
from benchmarks.services import running
from benchmarks.weights import Serving, servings
from cli.peak_memory import peak_mib

LIMIT_MB = 450
MB_PER_MIB = 2**20 / 1e6


def measure(runs: int, weights: dict[str, Path], quick: bool) -> Table:
    """weights: checkpoint folders by name."""
    rows = [row for serving in servings(weights) for row in _rows(serving, runs, quick)]
    note = (
        "gunicorn and its worker together, VmHWM where there is /proc; a peak stays, so each row "
        "holds the ones before it; MB are 10^6 bytes"
    )
    return Table("Peak memory", note, rows)


def _rows(serving: Serving, runs: int, quick: bool) -> Iterator[Row]:
    loads = [ordinary(serving.service), *([] if quick else largest(serving.service))]
    names = ["at start", *(load.name for load in loads)]
    peaks = zip(*(_peaks(serving, loads) for _ in range(runs)), strict=True)
    for name, peak in zip(names, peaks, strict=True):
        yield Row(f"{serving.name}: {name}", "MB", peak, LIMIT_MB)


def _peaks(serving: Serving, loads: list[Load]) -> list[float]:
    service = serving.service
    with running([service], serving.folder, serving.settings) as services:
        group, url = services.groups[service], services.urls[service]
        peaks = [peak_mib(group) * MB_PER_MIB]
        for load in loads:
            load.send(url)
            peaks.append(peak_mib(group) * MB_PER_MIB)
    return peaks
