"""A cluster with a node or an update that cannot work: a line says why, and the rest serves."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cli.cluster import cluster
from cli.ray_processes import stop_ray
from tests.support.damaged_weights import DAMAGED, damaged_weights
from tests.support.job_processes import ChildProcess
from tests.support.ray_nodes import NEEDS_RAY, Details, Nodes, wait_until
from tests.support.speaking_clients import SPEECH

pytestmark = [pytest.mark.cluster, NEEDS_RAY]


def test_node_with_damaged_weights_and_a_replica_without_memory(
    nodes: Nodes, http: httpx.Client, tmp_path: Path
) -> None:
    weights = str(damaged_weights(tmp_path / "checkpoints"))
    resource = '--resources={"damaged weights": 1}'
    nodes.join("third node", "127.0.0.4", resource, CHECKPOINTS_DIR=weights)
    nodes.wait_for_nodes(3)
    before = {name: nodes.replicas(name) for name in ("vocoder", "encoder")}

    def update(apps: Mapping[str, Details]) -> None:
        (vocoder,), (encoder,) = (apps[name]["deployments"] for name in before)
        vocoder["ray_actor_options"] |= {"resources": {"damaged weights": 0.1}}
        encoder["ray_actor_options"] |= {"memory": 10**13}

    with nodes.changed(update):
        wait_until(lambda: DAMAGED.rpartition("/")[2] in line_of(nodes, "vocoder"))
        assert "SHA-256" in line_of(nodes, "vocoder")
        wait_until(lambda: "memory" in line_of(nodes, "encoder"))
        assert http.post("/v1/audio/speech", json=SPEECH | {"input": "Hello."}).is_success
        assert http.get("/encoder/health/ready").is_success
        assert {name: nodes.replicas(name) for name in before} == before
    stop_ray(nodes.ray.nodes.pop("third node"))
    nodes.wait_for_nodes(2)


def line_of(nodes: Nodes, name: str) -> str:
    """The problem of a deployment that `better cluster status` tells; none if empty."""
    lines = status(nodes)[1].partition("Error: ")[2].splitlines()
    return next((line for line in lines if line.startswith(f"{name}: ")), "")


def status(nodes: Nodes, *arguments: str) -> tuple[int, str]:
    environment = {"RAY_AUTH_TOKEN": nodes.ray.environment["RAY_AUTH_TOKEN"]}
    called = ["status", "--dashboard", nodes.ray.api.url, *arguments]
    ended = CliRunner().invoke(cluster, called, env=environment)
    return ended.exit_code, ended.output


def test_node_is_missed_until_it_joins_and_once_it_leaves(nodes: Nodes) -> None:
    missed = "Error: 1 of 3 nodes have not joined"
    assert missed in status(nodes, "--nodes", "3")[1]
    command = [sys.executable, "-m", "cli", "cluster", "join", nodes.ray.address, "--cpus", "1"]
    with ChildProcess(command, **nodes.ray.environment) as node:
        nodes.wait_for_nodes(3)
        assert status(nodes, "--nodes", "3")[0] == 0
        node.process.send_signal(signal.SIGINT)
        assert node.process.wait(60) == 0
    nodes.wait_for_nodes(2)
    assert missed in status(nodes, "--nodes", "3")[1]
