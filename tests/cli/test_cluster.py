"""`better cluster up`, up to the start of Ray; tests/deploy/test_ray.py starts it."""

import socket

import pytest
import yaml
from click.testing import CliRunner

from cli import cluster
from tests.conftest import free_port


def up(*arguments: str) -> str:
    """The output of a start that fails."""
    ended = CliRunner().invoke(cluster.cluster, ["up", *arguments])
    assert ended.exit_code == 1
    return ended.output


def test_missing_ray_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert up() == "Error: ray is missing; install it: pip install 'better-api[cluster]'\n"


@pytest.mark.parametrize(
    ("option", "host"), [("--port", cluster.HOST), ("--ray-port", cluster.NODE)]
)
def test_taken_port_ends_the_start_with_the_option_that_changes_it(
    monkeypatch: pytest.MonkeyPatch, option: str, host: str
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: object())
    ports = {"--port": str(free_port()), "--ray-port": str(free_port())}
    with socket.create_server((host, 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        said = up(*(word for pair in ports.items() for word in pair))
    assert f"port {ports[option]} on {host}" in said
    assert f"choose another with {option}\n" in said


def test_local_config_is_reachable_from_this_machine_alone() -> None:
    config = yaml.safe_load(cluster._local_config(9000))
    assert config["proxy_location"] == "HeadOnly"
    assert (config["http_options"]["host"], config["http_options"]["port"]) == ("127.0.0.1", 9000)
    apps = {app["name"]: app for app in config["applications"]}
    variables = apps["gateway"]["runtime_env"]["env_vars"]
    assert variables["BIND_HOST"] == "127.0.0.1"
    assert variables["ENCODER_URL"] == "http://127.0.0.1:9000/encoder"
