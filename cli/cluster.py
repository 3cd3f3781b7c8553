"""`better cluster up`: the four apps on Ray Serve, on this machine, for a first look."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import httpx

from cli.processes import ProcessError, ServiceDied, ServiceNotReady, check_port
from shared.services import SERVICES, url_settings
from shared.settings import REPOSITORY
from shared.stop_signals import StopSignal, stop_signals_held

HOST = "127.0.0.1"
NODE = "127.0.0.2"
"""Address of Ray's own ports. Ray puts the machine's address in place of 127.0.0.1."""
CONFIG = REPOSITORY / "deploy/ray/serve.yaml"
CALLBACK = "deploy.ray.proxy:middleware"
START_SECONDS = 240.0
STOP_SECONDS = 40.0
"""For the drain of the replicas, 28 s, and of Ray itself."""


@click.group()
def cluster() -> None:
    """Run the apps on Ray Serve; docs/deploy-cluster.md says how to on many machines."""


@cluster.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--ray-port", default=6379, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--cpus", default=2, show_default=True, type=click.IntRange(2), help="CPUs that Ray may use."
)
def up(port: int, ray_port: int, cpus: int) -> None:
    """Run Ray and the four apps on this machine, for callers on it alone, until Ctrl-C."""
    try:
        with suppress(StopSignal), running_cluster(port, ray_port, cpus) as children:
            click.echo(f"gateway      http://{HOST}:{port}")
            for name in SERVICES:
                click.echo(f"{name:12} http://{HOST}:{port}/{name}")
            click.echo("All are ready; Ctrl-C stops them.")
            while True:
                _check_alive(children)
                time.sleep(0.5)
    except ProcessError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def running_cluster(
    port: int, ray_port: int, cpus: int, settings: Mapping[str, str] | None = None
) -> Iterator[Mapping[str, subprocess.Popen[bytes]]]:
    """Ray's head and Serve with the four apps, ready to answer; nothing is left afterwards.

    port, ray_port: of the HTTP proxy and of Ray. settings: go before those of the environment.
    Raises ProcessError.
    """
    if find_spec("ray") is None:
        raise ProcessError("ray is missing; install it: pip install 'better-api[cluster]'")
    check_port("the HTTP proxy", HOST, port, "--port")
    check_port("Ray", NODE, ray_port, "--ray-port")
    address = f"{NODE}:{ray_port}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "RAY_ADDRESS": address,
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": CALLBACK,
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray runs the code of whoever connects, and its agents listen on all addresses.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        # Ray's defaults are niceness 15 for the replicas, and 5 s for a proxy to start, else it is
        # killed: on a busy machine it never starts.
        "RAY_worker_niceness": "0",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
        **(settings or {}),
    }
    children: dict[str, subprocess.Popen[bytes]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "serve.yaml"
        config.write_text(_local_config(port))
        stack.callback(_stop, children)
        head = ["start", "--head", "--block", f"--node-ip-address={NODE}", f"--port={ray_port}"]
        head += ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"]
        head += [f"--num-cpus={cpus}", "--include-dashboard=false", "--disable-usage-stats"]
        without_address = {k: v for k, v in environment.items() if k != "RAY_ADDRESS"}
        children["Ray's head"] = _start("ray.scripts.scripts", head, without_address)
        _wait_for_port(ray_port, children)
        serve = ["run", f"--address={address}", str(config)]
        children["Ray Serve"] = _start("ray.serve.scripts", serve, environment)
        _wait_until_ready(port, children)
        yield children


def _local_config(port: int) -> str:
    """serve.yaml for one machine: on the loopback, with one proxy, which all nodes here share."""
    import yaml  # with ray

    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    config["proxy_location"] = "HeadOnly"
    config["http_options"] |= {"host": HOST, "port": port}
    for app in config["applications"]:
        if app["name"] == "gateway":
            urls = url_settings({name: f"http://{HOST}:{port}/{name}" for name in SERVICES})
            app["runtime_env"]["env_vars"] |= {"BIND_HOST": HOST, **urls}
    written: str = yaml.safe_dump(config, sort_keys=False)
    return written


def _start(
    module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    script = f"import sys; from {module} import {'main' if 'ray.scripts' in module else 'cli'} as m"
    return subprocess.Popen(
        [sys.executable, "-c", f"{script}; sys.argv[0] = 'ray'; m()", *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        process_group=0,  # so that Ctrl-C reaches us alone
    )


def _check_alive(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise ServiceDied(f"{name} ended with exit code {child.returncode}; its log says why")


def _wait_for_port(port: int, children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _check_alive(children)
        with suppress(OSError), socket.create_connection((NODE, port), timeout=1):
            return
        time.sleep(0.2)
    raise ServiceNotReady(f"Ray did not listen on port {port} in {START_SECONDS:g} s")


def _wait_until_ready(port: int, children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    paths = {"gateway": "", **{name: f"/{name}" for name in SERVICES}}
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(timeout=5, trust_env=False) as http:
        for name, path in paths.items():
            while not _is_ready(http, f"http://{HOST}:{port}{path}/health/ready"):
                _check_alive(children)
                if time.monotonic() > deadline:
                    raise ServiceNotReady(
                        f"the {name} was not ready in {START_SECONDS:g} s; `serve status` and the "
                        "log say why, such as too few --cpus or too little memory"
                    )
                time.sleep(0.5)


def _is_ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).is_success
    except httpx.TransportError:
        return False


def _stop(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Serve first, which drains its replicas, then Ray's processes."""
    with stop_signals_held():
        for name, child in reversed(list(children.items())):
            child.send_signal(signal.SIGINT if name == "Ray Serve" else signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
