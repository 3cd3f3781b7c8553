"""A cluster of two nodes under load: replicas and nodes that die, scaling and updates."""

import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.ray_nodes import NEEDS_RAY, SECOND, Details, Nodes, wait_until
from tests.support.speaking_clients import SPEECH, speaking_clients

pytestmark = [pytest.mark.cluster, NEEDS_RAY]
CLIENTS = 3
SENTENCES = 40  # seconds of work, so that a node dies in the midst of it
BOOK = " ".join(f"This is sentence number {number + 1} of a text." for number in range(SENTENCES))


def kill_replica(nodes: Nodes, name: str) -> None:
    """Kill a replica, and wait for the one in its place."""
    before = nodes.replicas(name)
    killed = before[0]
    os.kill(killed["pid"], signal.SIGKILL)

    def is_replaced() -> bool:
        now = ids(nodes, name)
        return killed["replica_id"] not in now and len(now) == len(before)

    wait_until(is_replaced)


@pytest.mark.parametrize("name", ["synthesizer", "vocoder"])
def test_killed_replica_of_a_service_fails_no_speech(nodes: Nodes, name: str) -> None:
    with speaking_clients(nodes.url, CLIENTS) as clients:
        clients.wait_for_more(1)
        kill_replica(nodes, name)
        clients.wait_for_more(CLIENTS)
    assert (clients.wrong, clients.failed) == ([], [])


def test_killed_gateway_fails_only_requests_in_progress(nodes: Nodes) -> None:
    with speaking_clients(nodes.url, CLIENTS) as clients:
        clients.wait_for_more(1)
        kill_replica(nodes, "gateway")
        clients.wait_for_more(CLIENTS)
    assert clients.wrong == []
    assert len(clients.failed) <= CLIENTS, clients.failed


def test_load_scales_the_synthesizer_from_one_replica_to_three_and_back(
    nodes: Nodes, http: httpx.Client
) -> None:
    nodes.wait_for_replicas("synthesizer", 1)
    body = http.get("/synthesizer/example.json").json()

    def synthesize(_: int) -> int:
        url = f"{nodes.url}/synthesizer/inference/"
        while len(nodes.replicas("synthesizer")) < 3:
            answer = httpx.post(url, json=body, timeout=180)
            if not answer.is_success:
                return answer.status_code
        return 200

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(synthesize, range(6))) == {200}
    nodes.wait_for_replicas("synthesizer", 1)


def test_rolling_update_fails_no_request(nodes: Nodes) -> None:
    updated = ("vocoder", "gateway")
    before = {name: ids(nodes, name) for name in updated}

    def update(apps: Mapping[str, Details]) -> None:
        for name in updated:
            variables = apps[name]["runtime_env"]["env_vars"]
            apps[name]["runtime_env"]["env_vars"] = variables | {"QUEUE_SECONDS": "299"}

    def are_all_new() -> bool:
        now = {name: ids(nodes, name) for name in updated}
        return all(len(now[name]) == 2 and not now[name] & before[name] for name in updated)

    with speaking_clients(nodes.url, CLIENTS) as clients:
        clients.wait_for_more(1)
        nodes.change(update)
        wait_until(are_all_new)
        nodes.wait_until_running()
        clients.wait_for_more(CLIENTS)
    assert (clients.wrong, clients.failed) == ([], [])


def ids(nodes: Nodes, name: str) -> set[str]:
    return {replica["replica_id"] for replica in nodes.replicas(name)}


def test_killed_node_fails_only_requests_in_progress_and_its_job_continues(
    nodes: Nodes, http: httpx.Client
) -> None:
    assert len(nodes.replicas("worker", SECOND)) == 1
    jobs = [create_job(http) for _ in range(2)]  # one for each worker
    wait_until(lambda: all(0 < job(http, name)["progress"]["done"] < SENTENCES for name in jobs))
    with speaking_clients(nodes.url, CLIENTS) as clients:
        clients.wait_for_more(1)
        nodes.kill_node("second node")
        nodes.wait_for_nodes(1)
        clients.wait_for_more(CLIENTS)
    assert clients.wrong == []
    assert len(clients.failed) <= CLIENTS, clients.failed

    wait_until(lambda: all(job(http, name)["state"] == "completed" for name in jobs))
    sounds = {http.get(f"/v1/jobs/{name}/audio").raise_for_status().content for name in jobs}
    assert len(sounds) == 1

    nodes.join("second node", SECOND)
    wait_until(lambda: len(nodes.replicas("worker", SECOND)) == 1)
    nodes.wait_until_running()


def create_job(http: httpx.Client) -> str:
    answer = http.post("/v1/jobs", json=SPEECH | {"input": BOOK})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job(http: httpx.Client, job_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
    return answer
