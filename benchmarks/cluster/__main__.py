"""`python -m benchmarks.cluster`: what replicas add, and what Ray's proxy costs.

Replicas of the synthesizer, each held to the same share of a core, are loaded by clients that
always wait for a response. The proxy is measured with a constant instead of a model, in turns with
the same app under uvicorn.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import httpx

from benchmarks.cluster.cpu_shares import cpu_shares
from benchmarks.cluster.cpu_times import OTHERS, cpu_times
from benchmarks.json_hop import Hop, hops, serving
from benchmarks.load_client import Request, send
from benchmarks.loads import JSON, ordinary
from benchmarks.machine import conclude, load_average, machine_facts
from benchmarks.results import MEGABYTES, MILLISECONDS, Row, Table, ratios, seconds_side_by_side
from cli.processes import ProcessError, free_ports
from cli.ray_processes import RayCluster, local_config, running_cluster

REPLICAS = (1, 2, 4)
ROUNDS = 2
CLIENTS = 2  # for each replica: one that computes, and one that waits
SPEECH_RATE = 24_000  # of the gateway's PCM
TEXT = (
    "The morning train was late again, so we walked along the river. Nobody minded the rain. "
    "By noon the clouds had gone, and the whole town was out in the sun."
)
SHARE = 0.25  # of a core, so that four replicas leave half of two cores to Ray and the clients


@contextmanager
def _ray() -> Iterator[RayCluster]:
    ports = free_ports(["proxy", "ray", "dashboard"])
    with tempfile.TemporaryDirectory() as folder:
        # No limit of Ray's, which would hide that of the control group.
        settings = {"DATA_DIR": folder, "OMP_NUM_THREADS": "1", "QUEUE_SECONDS": "300"}
        with running_cluster(ports["proxy"], ports["ray"], ports["dashboard"], 8, settings) as ray:
            yield ray


def _port(ray: RayCluster) -> int:
    return httpx.URL(ray.url).port or 80


def _deploy(ray: RayCluster, name: str, replicas: int, import_path: str = "") -> list[int]:
    """Deploy one service with so many replicas. Returns their process ids."""
    config = local_config(_port(ray))
    (app,) = [app for app in config["applications"] if app["name"] == name]
    app["import_path"] = import_path or app["import_path"]
    (deployment,) = app["deployments"]
    del deployment["autoscaling_config"]
    deployment["num_replicas"] = replicas
    ray.deploy(config | {"applications": [app]})
    while True:
        ray.wait_until_ready([name])
        app = ray.api.applications()[name]
        states = app["deployments"][name]["replicas"] if app["status"] == "RUNNING" else []
        if len(states) == replicas and {state["state"] for state in states} == {"RUNNING"}:
            return [state["pid"] for state in states]
        time.sleep(0.5)


async def _loaded(url: str, request: Request, clients: int, seconds: float) -> list[float]:
    """Seconds of each response within so many seconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def send_repeatedly() -> None:
        while (started := time.perf_counter()) < end:
            answer = await send(url, request)
            if answer.status != 200:
                raise click.ClickException(f"{answer.status}: {answer.body[:200]!r}")
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(send_repeatedly() for _ in range(clients)))
    return times


def measure_replicas(ray: RayCluster, seconds: float) -> Table:
    load = ordinary("synthesizer")
    request = Request("/synthesizer/inference/", load.body, load.headers)
    times: dict[int, list[float]] = {count: [] for count in REPLICAS}
    goodput: dict[int, list[float]] = {count: [] for count in REPLICAS}
    for _ in range(ROUNDS):
        for count in REPLICAS:
            with cpu_shares(_deploy(ray, "synthesizer", count), SHARE):
                asyncio.run(_loaded(ray.url, request, CLIENTS * count, 1))  # warm-up
                started = time.perf_counter()
                of_round = asyncio.run(_loaded(ray.url, request, CLIENTS * count, seconds))
                goodput[count].append(len(of_round) / (time.perf_counter() - started))
                times[count] += of_round
    rows: list[Row] = []
    for count in REPLICAS:
        alone = [rate * count for rate in goodput[1]]
        rows += [
            Row(f"{count} replicas: goodput", "1/s", goodput[count]),
            Row(f"{count} replicas: efficiency", "×", ratios(goodput[count], alone)),
            Row(f"{count} replicas: response time", "s", times[count]),
        ]
    note = (
        f"ten words each, {CLIENTS} clients a replica, {SHARE:g} of a core a replica; "
        f"{ROUNDS} rounds of {seconds:g} s"
    )
    return Table("Replicas of the synthesizer on Ray", note, rows)


def measure_speech(ray: RayCluster, requests: int) -> Table:
    """CPU time of all processes for speech through the gateway, one request at a time."""
    config = local_config(_port(ray))
    ray.deploy(config)
    ray.wait_until_ready()
    head = ray.nodes["head"].pid
    with httpx.Client(base_url=ray.url, trust_env=False, timeout=120) as http:
        _speech_seconds(http)  # warm-up
        before, started = cpu_times(head), time.perf_counter()
        spoken = sum(_speech_seconds(http) for _ in range(requests))
        wall, after = time.perf_counter() - started, cpu_times(head)
    used = {name: after[name] - before[name] for name in sorted(after)}
    others = used.pop(OTHERS)
    rows = [Row(name, "s/s", [seconds / spoken]) for name, seconds in used.items()]
    rows.append(Row("all of these", "s/s", [sum(used.values()) / spoken]))
    rows.append(Row(OTHERS, "of a core", [others / wall]))
    note = f"{spoken:.0f} s of speech in {requests} requests; encoder idle, since voices are stored"
    return Table("CPU seconds for a second of speech", note, rows)


def _speech_seconds(http: httpx.Client) -> float:
    body = {"input": TEXT, "voice": "rowan", "response_format": "pcm", "seed": 1}
    sound = http.post("/v1/audio/speech", json=body).raise_for_status().content
    return len(sound) / 2 / SPEECH_RATE


def measure_proxy(ray: RayCluster, runs: int) -> Table:
    """A small response and one of a megabyte, by Ray's proxy and by uvicorn, in turns."""
    _deploy(ray, "encoder", 1, "benchmarks.cluster.apps:encoder")
    (hop, *_) = hops()
    with serving(hop.service) as plain, httpx.Client(trust_env=False, timeout=60) as http:
        plain_url = f"http://127.0.0.1:{plain.port}"
        works = [
            partial(work, http, url)
            for work in (_small, partial(_large, hop=hop))
            for url in (f"{ray.url}/encoder", plain_url)
        ]
        small, plain_small, large, plain_large = seconds_side_by_side(works, runs)
        size = len(hop.body) + len(_large(http, plain_url, hop))
    rows = [
        *_compared("health check", small, plain_small),
        *_compared("5 s of sound as JSON, there and back", large, plain_large),
        *(
            Row(f"JSON: {name}", "MB/s", [size * MEGABYTES / run for run in times])
            for name, times in {"Ray": large, "uvicorn": plain_large}.items()
        ),
    ]
    note = f"{size * MEGABYTES:.1f} MB of JSON in both directions; one client, kept connections"
    return Table("Ray's proxy beside uvicorn", note, rows)


def _compared(name: str, ray: Sequence[float], plain: Sequence[float]) -> list[Row]:
    added = [(a - b) * MILLISECONDS for a, b in zip(ray, plain, strict=True)]
    return [
        Row(f"{name}: Ray", "ms", [run * MILLISECONDS for run in ray]),
        Row(f"{name}: uvicorn", "ms", [run * MILLISECONDS for run in plain]),
        Row(f"{name}: added by Ray", "ms", added),
    ]


def _small(http: httpx.Client, url: str) -> None:
    http.get(f"{url}/health/live").raise_for_status()


def _large(http: httpx.Client, url: str, hop: Hop) -> bytes:
    answer = http.post(url + hop.path, content=hop.body, headers=JSON)
    return answer.raise_for_status().content


def _facts() -> Mapping[str, Any]:
    return machine_facts() | {"load average before": load_average()}


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 120), default=10, help="Of a round.")
@click.option("--runs", type=click.IntRange(1), default=51, help="Requests to the proxy.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="Also write the tables to this file.",
)
def main(seconds: float, runs: int, json_path: Path | None) -> None:
    """Measure replicas on Ray Serve, and its proxy."""
    os.environ.pop("REDIS_URL", None)
    facts = dict(_facts())
    for name, fact in facts.items():
        click.echo(f"{name:20} {fact}")
    tables = {}
    try:
        with _ray() as ray:
            for name, measure in {
                "replicas": partial(measure_replicas, ray, seconds),
                "speech": partial(measure_speech, ray, max(2, runs // 5)),
                "proxy": partial(measure_proxy, ray, runs),
            }.items():
                tables[name] = measure()
                for line in ["", *tables[name].lines()]:
                    click.echo(line)
    except ProcessError as error:
        raise click.ClickException(str(error)) from error
    conclude(facts, tables, json_path)


if __name__ == "__main__":
    main()
