"""`python -m benchmarks.load`: an app at 1, 2 and 10 times its capacity.

Open-loop load: requests start at an even pace, whether earlier ones were answered or not. The paces
take turns, so that other work on the machine affects all of them alike. The client runs beside the
app, at the lowest priority, since real clients take no CPU of its machine.
"""

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import click
import httpx

from benchmarks.load_client import TIMEOUT, Prober, Request, send
from benchmarks.loads import JSON, clip_of_the_chain, ordinary
from benchmarks.machine import load_average, machine_facts
from benchmarks.results import MEGABYTES, MILLISECONDS, Row, Table
from benchmarks.services import running
from shared.services import SERVICES, url_settings

T = TypeVar("T")
MULTIPLES = (1, 2, 10)
ROUNDS = 3  # of turns of the multiples
MAX_REQUESTS = 2_000  # at one multiple
AT_ONCE = 8  # clients that measure the capacity
MAX_HEALTH_MS = 100
SPEECH = {"input": "Hello there.", "voice": "rowan", "response_format": "pcm", "seed": 1}


@dataclass(frozen=True)
class Outcome:
    """status: 0 if the connection broke. right: the response equals that of an idle app."""

    status: int
    right: bool
    retry_after: str | None
    seconds: float


@dataclass(frozen=True)
class Run:
    """seconds: until the last response. probes: seconds of each probe, by path."""

    outcomes: Sequence[Outcome]
    seconds: float
    probes: Mapping[str, Sequence[float]]
    megabytes: float

    @property
    def statuses(self) -> Counter[int]:
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def goodput(self) -> float:
        """Right responses a second."""
        return sum(outcome.right for outcome in self.outcomes) / self.seconds

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status in (429, 503)]


def joined(runs: Sequence[Run]) -> Run:
    """Several runs at the same pace as one; the memory is that after the last."""
    return Run(
        outcomes=[outcome for run in runs for outcome in run.outcomes],
        seconds=sum(run.seconds for run in runs),
        probes={
            path: [probe for run in runs for probe in run.probes[path]] for path in runs[0].probes
        },
        megabytes=runs[-1].megabytes,
    )


def drive(url: str, request: Request, moments: Sequence[float]) -> Run:
    """Send a request at each moment, in seconds from now, while a prober runs."""
    first = asyncio.run(send(url, request))
    assert first.status == 200, first.body
    with Prober(url) as prober:
        started = time.perf_counter()
        outcomes = _gently(_all_at(started, moments, url, request, first.body))
        seconds = time.perf_counter() - started
    return Run(outcomes, seconds, prober.seconds, _megabytes(url))


def _gently(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of the lowest priority; the prober keeps its own priority."""

    def lower_priority() -> None:
        if sys.platform == "linux":  # elsewhere threads have no priority
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)

    with ThreadPoolExecutor(1, initializer=lower_priority) as pool:
        return pool.submit(asyncio.run, work).result()


async def _all_at(
    started: float, moments: Sequence[float], url: str, request: Request, expected: bytes
) -> Sequence[Outcome]:
    due = (_at(started + moment, url, request, expected) for moment in moments)
    return await asyncio.gather(*due)


async def _at(when: float, url: str, request: Request, expected: bytes) -> Outcome:
    await asyncio.sleep(max(0, when - time.perf_counter()))
    started = time.perf_counter()
    try:
        answer = await send(url, request)
    except OSError:
        return Outcome(0, False, None, time.perf_counter() - started)
    return Outcome(
        answer.status,
        answer.status == 200 and answer.body == expected,
        answer.headers.get("retry-after"),
        time.perf_counter() - started,
    )


def _megabytes(url: str) -> float:
    """Resident memory of the app's process; 0 if it is unknown."""
    for line in httpx.get(f"{url}/metrics", timeout=TIMEOUT, trust_env=False).text.splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return float(line.split()[1]) * MEGABYTES
    return 0.0


async def capacity(url: str, request: Request, seconds: float) -> float:
    """Responses a second with AT_ONCE clients that always wait for one."""
    await send(url, request)  # warm-up
    done = 0
    started = time.perf_counter()

    async def send_repeatedly() -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            answer = await send(url, request)
            assert answer.status == 200, answer.body
            done += 1

    await asyncio.gather(*(send_repeatedly() for _ in range(AT_ONCE)))
    return done / (time.perf_counter() - started)


def requests_to(app: str) -> dict[str, Request]:
    """Requests by table title. The encoder gets a clip as our client sends it, and as JSON."""
    if app == "gateway":
        return {app: Request("/v1/audio/speech", json.dumps(SPEECH).encode(), JSON)}
    loads = {app: ordinary(app)}
    if app == "encoder":
        loads = {app: clip_of_the_chain(), f"{app}, JSON": ordinary(app)}
    return {name: Request("/inference/", load.body, load.headers) for name, load in loads.items()}


@contextmanager
def started(app: str) -> Iterator[str]:
    """Run an app, the gateway with its three services. Gives the URL."""
    if app != "gateway":
        with running([app]) as services:
            yield services.urls[app]
        return
    with running(SERVICES) as services, tempfile.TemporaryDirectory() as folder:
        urls = url_settings(services.urls)
        with (
            patch.dict(os.environ, urls | {"DATA_DIR": folder, "DATABASE_URL": ""}),
            running(["gateway"]) as gateway,
        ):
            yield gateway.urls["gateway"]


def measure(name: str, url: str, request: Request, seconds: float) -> Table:
    rate = _gently(capacity(url, request, seconds))
    rounds: dict[int, list[Run]] = {multiple: [] for multiple in MULTIPLES}
    for _ in range(ROUNDS):
        for multiple, runs_so_far in rounds.items():
            moments = _moments(rate * multiple, seconds / ROUNDS)
            runs_so_far.append(drive(url, request, moments))
    runs = {multiple: joined(of_multiple) for multiple, of_multiple in rounds.items()}
    rows = [Row("capacity", "1/s", [rate])]
    for multiple, run in runs.items():
        rows += _rows(f"{multiple}x", run, runs[MULTIPLES[0]])
    note = f"{seconds:g} s each at an even pace, in {ROUNDS} rounds"
    return Table(f"Load of the {name}", note, rows)


def _moments(rate: float, seconds: float) -> list[float]:
    requests = min(MAX_REQUESTS // ROUNDS, max(1, round(rate * seconds)))
    return [n / rate for n in range(requests)]


def _rows(name: str, run: Run, first: Run) -> Iterator[Row]:
    yield Row(f"{name}: goodput", "1/s", [run.goodput])
    yield Row(f"{name}: relative to 1x", "×", [run.goodput / first.goodput])
    for status, count in sorted(run.statuses.items()):
        yield Row(f"{name}: status {status or 'none'}", "requests", [count])
    wrong = sum(outcome.status == 200 and not outcome.right for outcome in run.outcomes)
    yield Row(f"{name}: wrong responses", "requests", [wrong], limit=0)
    if run.refused:
        said = [float(outcome.retry_after) for outcome in run.refused if outcome.retry_after]
        unsaid = len(run.refused) - len(said)
        yield Row(f"{name}: refused without Retry-After", "requests", [unsaid], limit=0)
        if said:
            yield Row(f"{name}: Retry-After", "s", said)
    if answered := [outcome.seconds for outcome in run.outcomes if outcome.right]:
        yield Row(f"{name}: response time", "s", answered)
    for path, seconds in run.probes.items():
        if seconds:
            milliseconds = [probe * MILLISECONDS for probe in seconds]
            yield Row(f"{name}: {path}", "ms", milliseconds, limit=MAX_HEALTH_MS)
    yield Row(f"{name}: memory afterwards", "MB", [run.megabytes])


@click.command()
@click.option("--app", "apps", type=click.Choice([*SERVICES, "gateway"]), multiple=True)
@click.option("--seconds", type=click.FloatRange(1, 120), default=10, help="Seconds at each pace.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="Also write the tables to this file.",
)
def main(apps: tuple[str, ...], seconds: float, json_path: Path | None) -> None:
    """Load apps (default: all) at 1, 2 and 10 times their capacity."""
    facts = machine_facts() | {"load average before": load_average()}
    for name, fact in facts.items():
        click.echo(f"{name:20} {fact}")
    tables = {}
    for app in apps or (*SERVICES, "gateway"):
        with started(app) as url:
            for name, request in requests_to(app).items():
                tables[name] = measure(name, url, request, seconds)
                for line in ["", *tables[name].lines()]:
                    click.echo(line)
    click.echo(f"\nload average after   {load_average()}")
    if json_path:
        content = {"machine": facts, "tables": {k: t.to_dict() for k, t in tables.items()}}
        json_path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
