"""`python -m benchmarks.load`: an app at 1, 2 and 10 times what it can do, driven from outside.

The multiples take turns, so that what else the machine does meets all of them alike.

Requests come at an even pace, whether those before were answered or not, as from many people. The
run is bounded in its requests and its seconds. People are elsewhere and take no time of the app's
machine; the driver is beside the app, so that it has the lowest priority, and takes what is left.
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
ROUNDS = 3  # in which the multiples take turns
MAX_REQUESTS = 2_000  # of one multiple
AT_ONCE = 8  # clients that find out what an app can do
HEALTH_LIMIT = 100  # milliseconds
SPEECH = {"input": "Hello there.", "voice": "rowan", "response_format": "pcm", "seed": 1}


@dataclass(frozen=True)
class Outcome:
    """status: 0 if the connection broke. right: the answer is what it is when nobody else asks."""

    status: int
    right: bool
    retry_after: str | None
    seconds: float


@dataclass(frozen=True)
class Run:
    """seconds: to the last answer. probes: seconds of each look, by path."""

    outcomes: Sequence[Outcome]
    seconds: float
    probes: Mapping[str, Sequence[float]]
    megabytes: float

    @property
    def statuses(self) -> Counter[int]:
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def goodput(self) -> float:
        return sum(outcome.right for outcome in self.outcomes) / self.seconds

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status in (429, 503)]


def joined(runs: Sequence[Run]) -> Run:
    """One run of several at the same pace; the memory is that after the last."""
    return Run(
        outcomes=[outcome for run in runs for outcome in run.outcomes],
        seconds=sum(run.seconds for run in runs),
        probes={
            path: [look for run in runs for look in run.probes[path]] for path in runs[0].probes
        },
        megabytes=runs[-1].megabytes,
    )


def drive(url: str, request: Request, moments: Sequence[float]) -> Run:
    """One request at each moment, in seconds from now; looks at health and metrics meanwhile."""
    first = asyncio.run(send(url, request))
    assert first.status == 200, first.body
    with Prober(url) as prober:
        started = time.perf_counter()
        outcomes = _gently(_all_at(started, moments, url, request, first.body))
        seconds = time.perf_counter() - started
    return Run(outcomes, seconds, prober.seconds, _megabytes(url))


def _gently(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in a thread of the lowest priority; what probes keeps its own."""

    def yield_the_cores() -> None:
        if sys.platform == "linux":  # elsewhere a thread has no priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)

    with ThreadPoolExecutor(1, initializer=yield_the_cores) as pool:
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
    """Resident now, of the process that computes; 0 where it is not told."""
    for line in httpx.get(f"{url}/metrics", timeout=TIMEOUT, trust_env=False).text.splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return float(line.split()[1]) * MEGABYTES
    return 0.0


async def capacity(url: str, request: Request, seconds: float) -> float:
    """Answers a second while there is always somebody who waits for one."""
    await send(url, request)  # what is made at first use, is made now
    done = 0
    started = time.perf_counter()

    async def ask_again_and_again() -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            answer = await send(url, request)
            assert answer.status == 200, answer.body
            done += 1

    await asyncio.gather(*(ask_again_and_again() for _ in range(AT_ONCE)))
    return done / (time.perf_counter() - started)


def requests_to(app: str) -> dict[str, Request]:
    """By a name for the table. The encoder gets a clip as our chain sends it, and as users may."""
    if app == "gateway":
        return {app: Request("/v1/audio/speech", json.dumps(SPEECH).encode(), JSON)}
    loads = {app: ordinary(app)}
    if app == "encoder":
        loads = {app: clip_of_the_chain(), f"{app}, JSON": ordinary(app)}
    return {name: Request("/inference/", load.body, load.headers) for name, load in loads.items()}


@contextmanager
def started(app: str) -> Iterator[str]:
    """Its URL; the gateway runs over the three services."""
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
    note = f"{seconds:g} s each at an even pace, in {ROUNDS} turns"
    return Table(f"Load of the {name}", note, rows)


def _moments(rate: float, seconds: float) -> list[float]:
    requests = min(MAX_REQUESTS // ROUNDS, max(1, round(rate * seconds)))
    return [n / rate for n in range(requests)]


def _rows(name: str, run: Run, first: Run) -> Iterator[Row]:
    yield Row(f"{name}: right answers", "1/s", [run.goodput])
    yield Row(f"{name}: of those at 1x", "×", [run.goodput / first.goodput])
    for status, count in sorted(run.statuses.items()):
        yield Row(f"{name}: status {status or 'none'}", "requests", [count])
    wrong = sum(outcome.status == 200 and not outcome.right for outcome in run.outcomes)
    yield Row(f"{name}: wrong answers", "requests", [wrong], limit=0)
    if run.refused:
        said = [float(outcome.retry_after) for outcome in run.refused if outcome.retry_after]
        unsaid = len(run.refused) - len(said)
        yield Row(f"{name}: refused without Retry-After", "requests", [unsaid], limit=0)
        if said:
            yield Row(f"{name}: Retry-After", "s", said)
    if answered := [outcome.seconds for outcome in run.outcomes if outcome.right]:
        yield Row(f"{name}: seconds to an answer", "s", answered)
    for path, looks in run.probes.items():
        if looks:
            of_look = [look * MILLISECONDS for look in looks]
            yield Row(f"{name}: {path}", "ms", of_look, limit=HEALTH_LIMIT)
    yield Row(f"{name}: memory afterwards", "MB", [run.megabytes])


@click.command()
@click.option("--app", "apps", type=click.Choice([*SERVICES, "gateway"]), multiple=True)
@click.option("--seconds", type=click.FloatRange(1, 120), default=10, help="Of each pace.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write it here, too.")
def main(apps: tuple[str, ...], seconds: float, json_path: Path | None) -> None:
    """Drive apps, all of them if none is named, at 1, 2 and 10 times what they can do."""
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
