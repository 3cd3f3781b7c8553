"""Time to start: imports, loading weights, readiness; in a fresh process for each run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import Row, Table
from benchmarks.services import running
from benchmarks.weights import Serving, servings
from shared.settings import REPOSITORY

MAX_READY_SECONDS = 10

_IMPORT_AND_LOAD = """
import json, time
started = time.perf_counter()
import {service}_service.app
imported = time.perf_counter()
from {service}_service import inference
from {service}_service.settings import Settings
inference.load(Settings())
print(json.dumps([imported - started, time.perf_counter() - imported]))
"""


def measure(runs: int, weights: dict[str, Path]) -> Table:
    """weights: checkpoint folders by name."""
    rows = [row for serving in servings(weights) for row in _rows(serving, runs)]
    note = "fresh processes, files in the page cache; readiness is polled every 0.1 s"
    return Table("Start", note, rows)


def _rows(serving: Serving, runs: int) -> Iterator[Row]:
    imports, loads = zip(*(_import_and_load(serving) for _ in range(runs)), strict=True)
    yield Row(f"{serving.name}: import", "s", imports)
    yield Row(f"{serving.name}: load", "s", loads)
    ready = [_seconds_until_ready(serving) for _ in range(runs)]
    yield Row(f"{serving.name}: until ready", "s", ready, MAX_READY_SECONDS)


def _import_and_load(serving: Serving) -> tuple[float, float]:
    command = [sys.executable, "-c", _IMPORT_AND_LOAD.format(service=serving.service)]
    env = {**os.environ, **serving.settings, "CHECKPOINTS_DIR": str(serving.folder)}
    output = subprocess.run(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, check=True
    ).stdout
    imported, loaded = json.loads(output)
    return imported, loaded


def _seconds_until_ready(serving: Serving) -> float:
    started = time.perf_counter()
    with running([serving.service], serving.folder, serving.settings):
        return time.perf_counter() - started
