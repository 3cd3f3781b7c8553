"""A Ray of several nodes on the loopback, which tests deploy to and kill."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cli.processes import ProcessError
from cli.ray_processes import RayCluster, local_config, problems, running_cluster
from tests.conftest import free_port

SECONDS = 180  # enough for any change of the cluster on a busy machine
CPUS = 3
"""Of a node, as Ray counts them: the replicas of each app that fit, not cores."""
SETTINGS = {
    "API_KEYS": "",
    "QUEUE_SECONDS": "300",  # on a busy machine a turn may come late
    "JOB_LEASE_SECONDS": "3",
    "JOB_SWEEP_SECONDS": "0.5",
    # Ray's default is 3 s, and a node is dead after five failures.
    "RAY_health_check_period_ms": "500",
    "RAY_memory_monitor_refresh_ms": "0",  # else it kills replicas while others fill the memory
    "RAY_SERVE_SLOW_STARTUP_WARNING_S": "5",
    "OMP_NUM_THREADS": "1",
}
NEEDS_RAY = pytest.mark.skipif(
    find_spec("ray") is None, reason="ray is not installed: pip install 'better-api[cluster]'"
)
SECOND = "127.0.0.3"  # the second node's address
Details = dict[str, Any]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a change of the cluster, or fail the test. Asks Ray four times a second."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.25)


class Nodes:
    """A cluster, with the configuration that was deployed last."""

    def __init__(self, ray: RayCluster, config: Details) -> None:
        self.ray, self.url, self.config = ray, ray.url, config

    def change(self, change: Callable[[Mapping[str, Details]], None]) -> None:
        """Deploy the configuration after a change of its applications, by name."""
        self.config = deepcopy(self.config)
        change({app["name"]: app for app in self.config["applications"]})
        self.ray.deploy(self.config)

    @contextmanager
    def changed(self, change: Callable[[Mapping[str, Details]], None]) -> Iterator[None]:
        """A change that is taken back."""
        before = self.config
        self.change(change)
        try:
            yield
        finally:
            self.config = before
            self.ray.deploy(before)
            self.wait_until_running()

    def problems(self) -> list[str]:
        return problems(self.ray.api.applications().values())

    def replicas(self, name: str, address: str | None = None) -> list[Details]:
        """Replicas that take requests. address: of their node."""
        deployments = self.ray.api.applications()[name]["deployments"]
        replicas = deployments[name]["replicas"] if name in deployments else []  # at an update
        running = [replica for replica in replicas if replica["state"] == "RUNNING"]
        return [r for r in running if address in (None, r["node_ip"])]

    def wait_for_replicas(self, name: str, count: int) -> None:
        wait_until(lambda: len(self.replicas(name)) == count)

    def wait_until_running(self) -> None:
        """Wait until every application is as it was asked for."""

        def are_running() -> bool:
            statuses = {app["status"] for app in self.ray.api.applications().values()}
            assert "DEPLOY_FAILED" not in statuses, self.problems()
            return statuses == {"RUNNING"}

        wait_until(are_running)

    def join(self, name: str, address: str, *arguments: str, **settings: str) -> None:
        """Start another node on this machine."""
        joins = [f"--address={self.ray.address}", f"--node-ip-address={address}"]
        self.ray.start_node(name, [*joins, f"--num-cpus={CPUS}", *arguments], settings)

    def wait_for_nodes(self, count: int) -> None:
        """Wait until so many live. The dashboard may be starting."""

        def are_alive() -> bool:
            self.ray.check_alive()
            with suppress(ProcessError):
                return len(self.ray.api.nodes()) == count
            return False

        wait_until(are_alive)

    def kill_node(self, name: str) -> None:
        """Kill all processes of a node at once, as a power cut would."""
        node = self.ray.nodes.pop(name)
        for pid in [node.pid, *_descendants(node.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()


def _descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [child for child, parent in pairs if parent == pid]
    return found + [below for child in found for below in _descendants(child)]


@contextmanager
def running_nodes(folder: Path, database_url: str, redis_url: str) -> Iterator[Nodes]:
    """Two nodes with all apps, ready to answer. folder: an empty one."""
    port = free_port()
    settings = SETTINGS | {
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }
    with running_cluster(port, free_port(), free_port(), CPUS, settings) as ray:
        nodes = Nodes(ray, _config(port, redis_url))
        nodes.join("second node", SECOND)
        nodes.wait_for_nodes(2)  # else all replicas go to the first
        ray.deploy(nodes.config)
        ray.wait_until_ready()
        nodes.wait_until_running()
        yield nodes


def _config(port: int, redis_url: str) -> Details:
    """serve.yaml with two replicas where that is free of charge, and quick decisions."""
    config = local_config(port, redis_url)
    deployments = {app["name"]: app["deployments"][0] for app in config["applications"]}
    for name, count in {"encoder": 1, "vocoder": 2, "gateway": 2}.items():
        del deployments[name]["autoscaling_config"]
        deployments[name]["num_replicas"] = count
        deployments[name]["health_check_period_s"] = 1  # so that a dead replica is seen soon
    deployments["encoder"] |= {"max_ongoing_requests": 3, "max_queued_requests": 2}
    deployments["worker"]["max_replicas_per_node"] = 1
    deployments["synthesizer"]["autoscaling_config"] = {
        "min_replicas": 1,
        "max_replicas": 3,
        "target_ongoing_requests": 1,
        "upscale_delay_s": 0.5,
        "downscale_delay_s": 2,
        "metrics_interval_s": 0.5,
        "look_back_period_s": 1,
    }
    return config
