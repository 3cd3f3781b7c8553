"""`better cluster up`: the four apps on Ray Serve, on this machine, for a first look."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
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
OLDEST_RAY = (2, 60)
START_SECONDS = 240.0
STOP_SECONDS = 40.0
"""For the drain of the replicas, 28 s, and of Ray itself."""
START = [
    *("start", "--block", "--disable-usage-stats"),
    # Workers take free ports, so that many nodes fit one machine.
    *("--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"),
    # Requests and responses pass it by, but for the longest; Ray takes 30 % of memory otherwise.
    f"--object-store-memory={100_000_000}",
]


@click.group()
def cluster() -> None:
    """Run the apps on Ray Serve; docs/deploy-cluster.md says how to on many machines."""


@cluster.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--ray-port", default=6379, show_default=True, type=click.IntRange(1, 65535))
@click.option("--dashboard-port", default=8265, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--cpus", default=2, show_default=True, type=click.IntRange(2), help="CPUs that Ray may use."
)
def up(port: int, ray_port: int, dashboard_port: int, cpus: int) -> None:
    """Run Ray and the four apps on this machine, for callers on it alone, until Ctrl-C."""
    try:
        with suppress(StopSignal), running_cluster(port, ray_port, dashboard_port, cpus) as ray:
            ray.deploy(local_config(port))
            ray.wait_until_ready()
            click.echo(f"gateway      http://{HOST}:{port}")
            for name in SERVICES:
                click.echo(f"{name:12} http://{HOST}:{port}/{name}")
            click.echo("All are ready; Ctrl-C stops them.")
            while True:
                ray.check_alive()
                time.sleep(0.5)
    except ProcessError as error:
        raise click.ClickException(str(error)) from error


@dataclass
class RayCluster:
    """A Ray with its head on this machine.

    url: of Serve's proxy, which is the gateway's. address: where further nodes join.
    environment: what every node needs. serve: Serve's REST API. nodes: `ray start` by node.
    """

    url: str
    address: str
    environment: Mapping[str, str]
    serve: httpx.Client
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_node(
        self, name: str, arguments: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> None:
        """Run `ray start`. settings: go before those of the environment."""
        program = "from ray.scripts.scripts import main; main(prog_name='ray')"
        self.nodes[name] = subprocess.Popen(
            [sys.executable, "-c", program, *START, *arguments],
            cwd=REPOSITORY,
            env={**self.environment, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,  # so that Ctrl-C reaches us alone
        )

    def check_alive(self) -> None:
        """Raises ServiceDied."""
        for name, node in self.nodes.items():
            if node.poll() is not None:
                raise ServiceDied(
                    f"Ray's {name} ended with exit code {node.returncode}; its log says why"
                )

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Start or update the applications, as `serve deploy` does. Returns before they are ready.

        Raises ProcessError.
        """
        self._wait(lambda: bool(self.details()), "Ray's dashboard")
        answer = self.serve.put("/api/serve/applications/", json=config)
        if not answer.is_success:
            raise ProcessError(f"Ray Serve refused the configuration: {_last_line(answer.text)}")

    def details(self) -> dict[str, Any]:
        """All that Serve says of its applications, replicas and proxies."""
        answer = self.serve.get("/api/serve/applications/").raise_for_status()
        details: dict[str, Any] = answer.json()
        return details

    def wait_until_ready(self) -> None:
        """Wait for all four apps. Raises ProcessError, at once if one of them cannot start."""
        for name in [*SERVICES, "gateway"]:
            path = "/health/ready" if name == "gateway" else f"/{name}/health/ready"
            self._wait(partial(self._is_ready, path), f"the {name}")

    def _is_ready(self, path: str) -> bool:
        applications = self.details()["applications"].values()
        if failed := [app for app in applications if app["status"] == "DEPLOY_FAILED"]:
            raise ServiceNotReady("; ".join(problems(failed)))
        return httpx.get(self.url + path, trust_env=False).is_success

    def _wait(self, is_done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        lines: list[str] = []
        while time.monotonic() < deadline:
            self.check_alive()
            with suppress(httpx.HTTPError):
                if is_done():
                    return
                lines = problems(self.details()["applications"].values())
            time.sleep(0.5)
        why = "; ".join(lines) or "its log says why"
        raise ServiceNotReady(f"{what} was not ready in {START_SECONDS:g} s: {why}")

    def stop(self) -> None:
        """Let the replicas drain, then stop the nodes. No process is left."""
        with stop_signals_held():
            with suppress(httpx.HTTPError):
                self.serve.delete("/api/serve/applications/", timeout=STOP_SECONDS)
            for node in reversed(self.nodes.values()):
                node.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    node.wait(STOP_SECONDS)
                with suppress(ProcessLookupError):
                    os.killpg(node.pid, signal.SIGKILL)
                node.wait()


@contextmanager
def running_cluster(
    port: int,
    ray_port: int,
    dashboard_port: int,
    cpus: int,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RayCluster]:
    """Ray's head on this machine, without an application; nothing is left afterwards.

    The ports are those of Serve's proxy, Ray and its dashboard. settings: go before those of the
    environment. Raises ProcessError.
    """
    _check_version()
    check_port("the HTTP proxy", HOST, port, "--port")
    check_port("Ray", NODE, ray_port, "--ray-port")
    check_port("Ray's dashboard", HOST, dashboard_port, "--dashboard-port")
    environment = _environment(settings or {})
    token = {"Authorization": f"Bearer {environment['RAY_AUTH_TOKEN']}"}
    url, dashboard = f"http://{HOST}:{port}", f"http://{HOST}:{dashboard_port}"
    with ExitStack() as stack:
        # Serve's REST API answers an update only once its controller runs.
        serve = httpx.Client(
            base_url=dashboard, headers=token, timeout=START_SECONDS, trust_env=False
        )
        ray = RayCluster(url, f"{NODE}:{ray_port}", environment, stack.enter_context(serve))
        stack.callback(ray.stop)
        head = ["--head", f"--node-ip-address={NODE}", f"--port={ray_port}", f"--num-cpus={cpus}"]
        head += [f"--dashboard-host={HOST}", f"--dashboard-port={dashboard_port}"]
        ray.start_node("head", head)
        yield ray


def _check_version() -> None:
    if find_spec("ray") is None:
        raise ProcessError("ray is missing; install it: pip install 'better-api[cluster]'")
    installed = version("ray")
    if tuple(int(part) for part in installed.split(".")[:2]) < OLDEST_RAY:
        oldest = ".".join(map(str, OLDEST_RAY))
        raise ProcessError(
            f"ray {installed} is installed, but serve.yaml needs {oldest} or newer, the same on "
            "every node; upgrade it: pip install --upgrade 'better-api[cluster]'"
        )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    # Ray runs the code of whoever connects, and its agents listen on all addresses.
    inherited.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    return {
        **inherited,
        "PYTHONPATH": str(REPOSITORY),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": CALLBACK,
        "RAY_AUTH_MODE": "token",
        # Ray's defaults are niceness 15 for the replicas, and 5 s for a proxy to start, else it is
        # killed: on a busy machine it never starts.
        "RAY_worker_niceness": "0",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
        **settings,
    }


def local_config(port: int, redis_url: str | None = None) -> dict[str, Any]:
    """serve.yaml for one machine: on the loopback, with one proxy, which all nodes here share.

    redis_url: without one, the default of REDIS_URL, the gateway runs the jobs itself.
    """
    import yaml  # with ray

    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    config["proxy_location"] = "HeadOnly"
    config["http_options"] |= {"host": HOST, "port": port}
    if not (redis_url or os.environ.get("REDIS_URL")):
        config["applications"] = [a for a in config["applications"] if a["name"] != "worker"]
    for app in config["applications"]:
        if app["name"] in ("gateway", "worker"):
            urls = url_settings({name: f"http://{HOST}:{port}/{name}" for name in SERVICES})
            app["runtime_env"]["env_vars"] |= {"BIND_HOST": HOST, **urls}
    return config


def problems(applications: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each deployment that Serve could not bring to what was asked for."""
    return [
        f"{part['name']}: {_last_line(part['message'])}"
        for app in applications
        for part in [*app["deployments"].values(), app]
        if part["status"] not in ("HEALTHY", "RUNNING") and part["message"]
    ]


def _last_line(message: str) -> str:
    """The error of a traceback without the name of its class, or the only line."""
    last = [line for line in message.splitlines() if line.strip()][-1].strip()
    name, colon, said = last.partition(": ")
    return said if colon and "." in name and " " not in name else last
