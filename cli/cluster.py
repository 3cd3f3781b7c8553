"""`better cluster`: the four apps on Ray Serve."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from cli.processes import ProcessError, ServiceDied
from cli.ray_processes import (
    HOST,
    ServeApi,
    check_head,
    check_version,
    local_config,
    node_environment,
    problems,
    running_cluster,
    start_ray,
    stop_ray,
)
from shared.services import SERVICES
from shared.stop_signals import StopSignal, stop_signals_held


@click.group()
def cluster() -> None:
    """Run the apps on Ray Serve, for many machines; docs/deploy-cluster.md."""


@cluster.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--ray-port", default=6379, show_default=True, type=click.IntRange(1, 65535))
@click.option("--dashboard-port", default=8265, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--cpus", default=2, show_default=True, type=click.IntRange(2), help="CPUs that Ray may use."
)
def up(port: int, ray_port: int, dashboard_port: int, cpus: int) -> None:
    """Run Ray and the four apps on this machine, for callers on it alone, until Ctrl-C."""
    with _errors_shown(), running_cluster(port, ray_port, dashboard_port, cpus) as ray:
        ray.deploy(local_config(port))
        ray.wait_until_ready()
        click.echo(f"gateway      http://{HOST}:{port}")
        for name in SERVICES:
            click.echo(f"{name:12} http://{HOST}:{port}/{name}")
        click.echo("All are ready; Ctrl-C stops them.")
        while True:
            ray.check_alive()
            time.sleep(0.5)


@cluster.command()
@click.argument("address")
@click.option("--cpus", type=click.IntRange(1), help="CPUs that Ray may use; all by default.")
def join(address: str, cpus: int | None) -> None:
    """Add this machine to the cluster whose head is at ADDRESS, HOST:PORT, until Ctrl-C.

    The weights are verified first, since replicas with damaged weights do not start.
    """
    with _errors_shown():
        check_version()
        if not os.environ.get("RAY_AUTH_TOKEN"):
            raise ProcessError("RAY_AUTH_TOKEN is not set; set it to that of the head")
        check_head(address)
        _verify_weights()
        arguments = [f"--address={address}", *([f"--num-cpus={cpus}"] if cpus else [])]
        with stop_signals_held():
            node = start_ray(arguments, node_environment({}))
        try:
            code = node.wait()
            raise ServiceDied(f"Ray's node ended with exit code {code}; its log says why")
        finally:
            stop_ray(node)


@cluster.command()
@click.option(
    "--dashboard",
    default="http://127.0.0.1:8265",
    show_default=True,
    help="URL of the dashboard of Ray's head.",
)
@click.option("--nodes", type=click.IntRange(1), help="Number of nodes that should have joined.")
def status(dashboard: str, nodes: int | None) -> None:
    """Show nodes and replicas, and why one is missing; exit with 1 if so."""
    with _errors_shown(), ServeApi(dashboard, os.environ.get("RAY_AUTH_TOKEN", "")) as api:
        addresses = [node["nodeManagerAddress"] for node in api.nodes()]
        applications = api.applications()
        click.echo(f"{'nodes':12} {len(addresses)}: {' '.join(sorted(addresses))}")
        for app in applications.values():
            for name, deployment in app["deployments"].items():
                click.echo(f"{name:12} {_replicas(deployment)}")
        lines = problems(applications.values())
        if nodes and len(addresses) < nodes:
            lines.append(
                f"{nodes - len(addresses)} of {nodes} nodes have not joined, or have left; the log "
                "of `better cluster join` on each says why"
            )
        expected = {*SERVICES, "gateway", *(["worker"] if os.environ.get("REDIS_URL") else [])}
        if missing := expected - set(applications):
            lines.append(f"not deployed: {', '.join(sorted(missing))}")
        if lines:
            raise ProcessError("\n".join(lines))


@contextmanager
def _errors_shown() -> Iterator[None]:
    """Show a ProcessError as one line, and end quietly at a stop signal."""
    try:
        with suppress(StopSignal):
            yield
    except ProcessError as error:
        raise click.ClickException(str(error)) from error


def _verify_weights() -> None:
    """Raises ProcessError."""
    from cli.checkpoints import CHECKPOINTS, model_folders  # with PyTorch, as below
    from shared.checkpoints.manifest import CheckpointError
    from shared.checkpoints.reading import verify

    try:
        for folder in model_folders(Path(os.environ.get("CHECKPOINTS_DIR") or CHECKPOINTS)):
            verify(folder)
    except CheckpointError as error:
        raise ProcessError(f"{error}; this node has not joined") from error


def _replicas(deployment: Mapping[str, Any]) -> str:
    running = [r["node_ip"] for r in deployment["replicas"] if r["state"] == "RUNNING"]
    places = ", ".join(f"{count} on {ip}" for ip, count in sorted(Counter(running).items()))
    return f"{len(running)} of {deployment['target_num_replicas']} replicas" + (
        f": {places}" if places else ""
    )
