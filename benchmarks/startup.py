"""From nothing to ready: imports, weights, the first answer; a fresh process for each run."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import Row, Table
from benchmarks.services import SERVICES, running
from shared.settings import REPOSITORY

READY_LIMIT = 10  # seconds

_IMPORT_AND_LOAD = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
import {service}_service.app
imported = time.perf_counter()
from {service}_service import inference
from {service}_service.settings import settings
inference.load(settings.model_copy(update={{"checkpoints_dir": Path(sys.argv[1])}}))
print(json.dumps([imported - started, time.perf_counter() - imported]))
"""


def measure(runs: int, weights: dict[str, Path]) -> Table:
    """weights: checkpoint folders by what they are called."""
    rows = [
        row
        for called, folder in weights.items()
        for service in SERVICES
        if (folder / service).is_dir()
        for row in _rows(service, called, folder, runs)
    ]
    note = "fresh processes, files in the page cache; ready is seen with a delay of up to 0.1 s"
    return Table("Start", note, rows)


def _rows(service: str, called: str, folder: Path, runs: int) -> Iterator[Row]:
    name = f"{service}, {called}"
    imports, loads = zip(*(_import_and_load(service, folder) for _ in range(runs)), strict=True)
    yield Row(f"{name}: import", "s", imports)
    yield Row(f"{name}: load", "s", loads)
    ready = [_seconds_until_ready(service, folder) for _ in range(runs)]
    yield Row(f"{name}: until ready", "s", ready, READY_LIMIT)


def _import_and_load(service: str, folder: Path) -> tuple[float, float]:
    command = [sys.executable, "-c", _IMPORT_AND_LOAD.format(service=service), str(folder)]
    output = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout
    imported, loaded = json.loads(output)
    return imported, loaded


def _seconds_until_ready(service: str, folder: Path) -> float:
    started = time.perf_counter()
    with running([service], folder):
        return time.perf_counter() - started
