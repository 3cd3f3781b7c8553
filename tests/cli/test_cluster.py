"""`better cluster up`, up to the start of Ray; tests/deploy/test_ray.py starts it."""

import socket
import tomllib

import pytest
from click.testing import CliRunner

from cli import cluster, ray_processes
from tests.conftest import REPOSITORY, free_port


def up(*arguments: str) -> str:
    """The output of a start that fails."""
    ended = CliRunner().invoke(cluster.cluster, ["up", *arguments])
    assert ended.exit_code == 1
    return ended.output


def test_missing_ray_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_processes, "find_spec", lambda name: None)
    assert up() == "Error: ray is missing; install it: pip install 'better-api[cluster]'\n"


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
def test_old_ray_is_said_with_the_version_that_is_needed(
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
    app = {"name": "x", "status": "RUNNING", "message": "", "deployments": deployments}
    assert ray_processes.problems([app]) == ["vocoder: vocoder.pt: wrong"]


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
