"""Ray's processes on this machine, and Serve's REST API in the dashboard of Ray's head."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Self

import httpx

from cli.processes import ProcessError, ServiceDied, ServiceNotReady, check_port
from shared.operating_system import ask_to_stop, kill_group, own_group
from shared.services import SERVICES, url_settings
from shared.settings import REPOSITORY
from shared.stop_signals import stop_signals_held

HOST = "127.0.0.1"
NODE = "127.0.0.2"
"""Address of Ray's own ports, on Linux. Ray puts the machine's address in place of 127.0.0.1."""
CONFIG = REPOSITORY / "deploy/ray/serve.yaml"
CALLBACK = "deploy.ray.proxy:middleware"
OLDEST_RAY = (2, 60)
START_SECONDS = 240.0
STOP_SECONDS = 40.0
"""Time to drain the replicas, 28 s, and Ray itself."""
CONNECT_SECONDS = 5.0
START = [
    *("start", "--block", "--disable-usage-stats"),
    # Only the longest requests and responses pass through it; Ray takes 30 % of memory otherwise.
    f"--object-store-memory={100_000_000}",
]
# Workers take free ports, so that many nodes fit one machine.
ONE_MACHINE = ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"]


class ServeApi:
    """Serve's REST API, in the dashboard of Ray's head. All methods raise ProcessError.

    url: of the dashboard. token: RAY_AUTH_TOKEN; none if empty.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # It answers an update only once Serve's controller runs.
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=START_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Start or update the applications, as `serve deploy` does; they are not ready yet."""
        self._call("PUT", "/api/serve/applications/", json=config)

    def delete(self) -> None:
        """Delete all applications, once their replicas have drained."""
        self._call("DELETE", "/api/serve/applications/", timeout=STOP_SECONDS)

    def applications(self) -> dict[str, dict[str, Any]]:
        """Applications by name, with their deployments and replicas, as Serve describes them."""
        applications: dict[str, dict[str, Any]] = self._call(
            "GET", "/api/serve/applications/", timeout=CONNECT_SECONDS
        )["applications"]
        return applications

    def nodes(self) -> list[dict[str, Any]]:
        """Raylets of the nodes that have joined and not died, as Ray describes them."""
        summary = self._call("GET", "/nodes?view=summary", timeout=CONNECT_SECONDS)["data"]
        raylets = [node["raylet"] for node in summary["summary"]]
        return [raylet for raylet in raylets if raylet.get("state") == "ALIVE"]

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ProcessError(
                f"the dashboard of Ray at {self.url} does not answer ({reason}); start Ray's "
                "head, or name its dashboard with --dashboard"
            ) from error
        if answer.status_code in (401, 403):
            raise ProcessError("Ray refuses the token; set RAY_AUTH_TOKEN to that of the head")
        if not answer.is_success:
            raise ProcessError(f"Ray Serve refuses {method} {path}: {_line_of(answer.text)}")
        content: dict[str, Any] = answer.json() if method == "GET" else {}
        return content


@dataclass
class RayCluster:
    """A Ray with its head on this machine.

    url: of Serve's proxy, which is the gateway's. address: where further nodes join.
    environment: what every node needs. nodes: `ray start` by node.
    """

    url: str
    address: str
    environment: Mapping[str, str]
    api: ServeApi
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_node(
        self, name: str, arguments: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> None:
        """Run `ray start`. settings: go before those of the environment."""
        arguments = [*ONE_MACHINE, *arguments]
        self.nodes[name] = start_ray(arguments, {**self.environment, **(settings or {})})

    def check_alive(self) -> None:
        """Raises ServiceDied."""
        for name, node in self.nodes.items():
            if node.poll() is not None:
                raise ServiceDied(
                    f"Ray's {name} ended with exit code {node.returncode}; its log says why"
                )

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Start or update the applications once Ray runs. Raises ProcessError."""
        self._wait(lambda: bool(self.api.nodes()), "Ray's dashboard")
        self.api.deploy(config)

    def wait_until_ready(self, names: Sequence[str] = (*SERVICES, "gateway")) -> None:
        """Wait for these apps. Raises ProcessError, at once if one of them cannot start."""
        for name in names:
            path = "/health/ready" if name == "gateway" else f"/{name}/health/ready"
            self._wait(partial(self._is_ready, path), f"the {name}")

    def _is_ready(self, path: str) -> bool:
        applications = self.api.applications().values()
        if failed := [app for app in applications if app["status"] == "DEPLOY_FAILED"]:
            raise ServiceNotReady("; ".join(problems(failed)))
        return httpx.get(self.url + path, trust_env=False).is_success

    def _wait(self, is_done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        lines: list[str] = []
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                if is_done():
                    return
                lines = problems(self.api.applications().values())
            except ServiceNotReady:
                raise
            except (ProcessError, httpx.TransportError) as error:
                lines = [str(error)]
            time.sleep(0.5)
        why = "; ".join(lines) or "its log says why"
        raise ServiceNotReady(f"{what} was not ready in {START_SECONDS:g} s: {why}")

    def stop(self) -> None:
        """Let the replicas drain, then stop the nodes. No process is left."""
        with stop_signals_held():
            with suppress(ProcessError):
                self.api.delete()
            for node in reversed(self.nodes.values()):
                stop_ray(node)


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
    check_version()
    check_port("the HTTP proxy", HOST, port, "--port")
    check_port("Ray", NODE, ray_port, "--ray-port")
    check_port("Ray's dashboard", HOST, dashboard_port, "--dashboard-port")
    environment = node_environment(settings or {})
    url, dashboard = f"http://{HOST}:{port}", f"http://{HOST}:{dashboard_port}"
    with ExitStack() as stack:
        api = stack.enter_context(ServeApi(dashboard, environment["RAY_AUTH_TOKEN"]))
        ray = RayCluster(url, f"{NODE}:{ray_port}", environment, api)
        stack.callback(ray.stop)
        head = ["--head", f"--node-ip-address={NODE}", f"--port={ray_port}", f"--num-cpus={cpus}"]
        head += [f"--dashboard-host={HOST}", f"--dashboard-port={dashboard_port}"]
        ray.start_node("head", head)
        yield ray


def start_ray(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Run `ray start` until it is stopped."""
    program = "from ray.scripts.scripts import cli; cli(prog_name='ray')"
    return subprocess.Popen(
        [sys.executable, "-c", program, *START, *arguments],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        **own_group(),
    )


def stop_ray(node: subprocess.Popen[bytes]) -> None:
    """Stop a node and all its processes."""
    ask_to_stop(node)
    with suppress(subprocess.TimeoutExpired):
        node.wait(STOP_SECONDS)
    kill_group(node)
    node.wait()


def check_version() -> None:
    """Raises ProcessError without Ray, or with an old one."""
    if find_spec("ray") is None:
        raise ProcessError("ray is missing; install it: pip install -e '.[cluster]'")
    installed = version("ray")
    if tuple(int(part) for part in installed.split(".")[:2]) < OLDEST_RAY:
        oldest = ".".join(map(str, OLDEST_RAY))
        raise ProcessError(
            f"ray {installed} is installed, but serve.yaml needs {oldest} or newer, the same on "
            "every node; upgrade it: pip install --upgrade -e '.[cluster]'"
        )


def node_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment that every node needs; a new token, if none is set."""
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    # Anyone who connects to Ray can run code, and its agents listen on all addresses.
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


def check_head(address: str) -> None:
    """Raises ProcessError if nothing listens at address, HOST:PORT."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        raise ProcessError(f"{address!r} is not HOST:PORT, such as 10.0.0.10:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProcessError(
            f"the head of Ray at {address} does not answer ({reason}); start it, or open the port "
            "to this machine"
        ) from None


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
    """A line for each deployment that is not as it was configured, if Serve says why."""
    return [
        f"{part['name']}: {_line_of(part['message'])}"
        for app in applications
        for part in [*app["deployments"].values(), app]
        if part["status"] not in ("HEALTHY", "RUNNING") and part["message"]
    ]


def _line_of(message: str) -> str:
    """The error of a traceback without the name of its class, or the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if "Traceback" not in message:
        return lines[0] if lines else ""
    name, colon, said = lines[-1].partition(": ")
    return said if colon and "." in name and " " not in name else lines[-1]
