"""`better cluster`, without Ray; tests/deploy starts one."""

import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from cli import cluster, ray_processes
from tests.conftest import REPOSITORY, free_port
from tests.support.damaged_weights import DAMAGED, damaged_weights


def failure(*arguments: str) -> str:
    """The output of a command that fails."""
    ended = CliRunner().invoke(cluster.cluster, arguments)
    assert ended.exit_code == 1
    return ended.output


def up(*arguments: str) -> str:
    return failure("up", *arguments)


def test_missing_ray_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_processes, "find_spec", lambda name: None)
    assert up() == "Error: ray is missing; install it: pip install -e '.[cluster]'\n"


@pytest.mark.parametrize(
    ("option", "host"),
    [
        ("--port", ray_processes.HOST),
        ("--ray-port", ray_processes.NODE),
        ("--dashboard-port", ray_processes.HOST),
    ],
)
def test_taken_port_ends_the_start_with_the_option_that_changes_it(
    monkeypatch: pytest.MonkeyPatch, option: str, host: str
) -> None:
    monkeypatch.setattr(ray_processes, "check_version", lambda: None)
    ports = {name: str(free_port()) for name in ("--port", "--ray-port", "--dashboard-port")}
    with socket.create_server((host, 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        said = up(*(word for pair in ports.items() for word in pair))
    assert f"port {ports[option]} on {host}" in said
    assert f"choose another with {option}\n" in said


@pytest.mark.parametrize("old", ["2.9.3", "2.59.1", "1.13.0"])
def test_old_ray_is_reported_with_the_version_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    monkeypatch.setattr(ray_processes, "find_spec", lambda name: object())
    monkeypatch.setattr(ray_processes, "version", lambda name: old)
    assert f"ray {old} is installed, but serve.yaml needs 2.60 or newer" in up()


def test_oldest_ray_is_that_of_the_extra() -> None:
    (extra,) = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["cluster"]
    assert f">={'.'.join(map(str, ray_processes.OLDEST_RAY))}," in extra


def test_problems_are_one_line_for_each_deployment() -> None:
    traceback = "The deployment failed to start 3 times.\nTraceback:\n  raise StartupError(\n"
    deployments = {
        "encoder": {"name": "encoder", "status": "HEALTHY", "message": ""},
        "vocoder": {
            "name": "vocoder",
            "status": "DEPLOY_FAILED",
            "message": traceback + "shared.http.startup_errors.StartupError: vocoder.pt: wrong\n",
        },
    }
    slow = "2 replicas have taken more than 30s to initialize.\n\nThis may be caused by X."
    deployments["gateway"] = {"name": "gateway", "status": "UPDATING", "message": slow}
    app = {"name": "x", "status": "RUNNING", "message": "", "deployments": deployments}
    assert ray_processes.problems([app]) == [
        "vocoder: vocoder.pt: wrong",
        "gateway: 2 replicas have taken more than 30s to initialize.",
    ]


def test_local_config_is_reachable_from_this_machine_alone() -> None:
    config = ray_processes.local_config(9000)
    assert config["proxy_location"] == "HeadOnly"
    assert (config["http_options"]["host"], config["http_options"]["port"]) == ("127.0.0.1", 9000)
    assert "worker" not in {app["name"] for app in config["applications"]}
    apps = {app["name"]: app for app in config["applications"]}
    variables = apps["gateway"]["runtime_env"]["env_vars"]
    assert variables["BIND_HOST"] == "127.0.0.1"
    assert variables["ENCODER_URL"] == "http://127.0.0.1:9000/encoder"


def test_local_config_has_workers_with_redis() -> None:
    config = ray_processes.local_config(9000, "redis://127.0.0.1:6379/0")
    (worker,) = [app for app in config["applications"] if app["name"] == "worker"]
    assert worker["runtime_env"]["env_vars"]["VOCODER_URL"] == "http://127.0.0.1:9000/vocoder"


@pytest.fixture
def head() -> Iterator[str]:
    """The address of a port that listens, as that of a head of Ray does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ray that is new enough, and a token."""
    monkeypatch.setattr(cluster, "check_version", lambda: None)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 32)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.10", "'10.0.0.10' is not HOST:PORT, such as 10.0.0.10:6379"),
        (f"127.0.0.1:{free_port()}", "does not answer (Connection refused); start it, or open"),
        ("no-such-host.invalid:6379", "the head of Ray at no-such-host.invalid:6379 does not"),
    ],
)
def test_node_that_cannot_reach_the_head_says_so(address: str, said: str) -> None:
    assert said in failure("join", address)


@pytest.mark.usefixtures("installed")
def test_node_without_the_token_does_not_join(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    assert failure("join", head) == "Error: RAY_AUTH_TOKEN is not set; set it to that of the head\n"


@pytest.mark.usefixtures("installed")
def test_node_with_damaged_weights_does_not_join(
    head: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHECKPOINTS_DIR", str(damaged_weights(tmp_path / "checkpoints")))
    said = failure("join", head)
    assert DAMAGED.rpartition("/")[2] in said
    assert "SHA-256" in said
    assert said.endswith("; this node has not joined\n")


class Dashboard(BaseHTTPRequestHandler):
    """The two pages of Ray's dashboard that `better cluster status` reads."""

    applications: ClassVar[dict[str, Any]] = {}
    token = "secret"

    def do_GET(self) -> None:
        if self.headers["Authorization"] != f"Bearer {self.token}":
            self.send_error(401)
            return
        raylet = {"nodeManagerAddress": "10.0.0.10", "state": "ALIVE"}
        dead = {"nodeManagerAddress": "10.0.0.11", "state": "DEAD"}
        summary = [{"raylet": raylet}, {"raylet": dead}]
        is_nodes = self.path.startswith("/nodes")
        answer = {"data": {"summary": summary}, "applications": self.applications}
        assert is_nodes or self.path == "/api/serve/applications/"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *args: object) -> None:
        pass


def application(name: str, running: int = 1, message: str = "") -> dict[str, Any]:
    """With one replica wanted."""
    replicas = [{"node_ip": "10.0.0.10", "state": "RUNNING"}] * running
    status = {"status": "UPDATING" if message else "HEALTHY", "message": message}
    deployment = {"name": name, "target_num_replicas": 1, "replicas": replicas, **status}
    return {"name": name, "status": "RUNNING", "message": "", "deployments": {name: deployment}}


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a dashboard whose apps are all as they should be."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", Dashboard.token)
    names = ["encoder", "synthesizer", "vocoder", "gateway"]
    monkeypatch.setattr(Dashboard, "applications", {name: application(name) for name in names})
    with ThreadingHTTPServer(("127.0.0.1", 0), Dashboard) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_status_shows_nodes_and_replicas(dashboard: str) -> None:
    shown = CliRunner().invoke(
        cluster.cluster, ["status", "--dashboard", dashboard, "--nodes", "1"]
    )
    assert shown.exit_code == 0, shown.output
    assert "nodes        1: 10.0.0.10\n" in shown.output
    assert "vocoder      1 of 1 replicas: 1 on 10.0.0.10\n" in shown.output


def test_status_counts_nodes_that_never_joined(dashboard: str) -> None:
    said = failure("status", "--dashboard", dashboard, "--nodes", "3")
    assert "Error: 2 of 3 nodes have not joined, or have left; the log of `better" in said


def test_status_says_why_a_replica_is_missing(dashboard: str) -> None:
    Dashboard.applications["vocoder"] = application("vocoder", 0, "1 replicas need more memory.")
    said = failure("status", "--dashboard", dashboard)
    assert "vocoder      0 of 1 replicas\n" in said
    assert "Error: vocoder: 1 replicas need more memory." in said


def test_status_names_apps_that_are_not_deployed(dashboard: str) -> None:
    del Dashboard.applications["gateway"]
    assert "not deployed: gateway" in failure("status", "--dashboard", dashboard)


def test_status_misses_the_worker_only_with_redis(
    dashboard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del Dashboard.applications["gateway"]
    Dashboard.applications.pop("worker", None)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert "not deployed: gateway\n" in failure("status", "--dashboard", dashboard)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379/0")
    assert "not deployed: gateway, worker\n" in failure("status", "--dashboard", dashboard)


def test_status_says_that_the_token_is_wrong(
    dashboard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "other")
    said = failure("status", "--dashboard", dashboard)
    assert said == "Error: Ray refuses the token; set RAY_AUTH_TOKEN to that of the head\n"


def test_status_without_a_head_names_the_command_that_starts_it() -> None:
    said = failure("status", "--dashboard", f"http://127.0.0.1:{free_port()}")
    assert "does not answer" in said
    assert "start Ray's head, or name its dashboard with --dashboard\n" in said
