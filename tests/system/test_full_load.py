"""A service whose only slot is busy: rejections, waits, and probes."""

import socket
from collections.abc import Iterator

import httpx
import orjson
import pytest

from tests.conftest import running
from tests.support.leaving_clients import Leaver, wait_until
from tests.system.test_queue import SHORT, ask, error_of, stream_under_way

SHORT_BODY = orjson.dumps(SHORT)

ALWAYS_ANSWERED = ["/health/live", "/health/ready", "/metrics", "/check", "/"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """URL of a vocoder with one slot and one place in the queue."""
    with running("vocoder", CONCURRENCY="1", QUEUE_LIMIT="1") as url:
        yield url


def waiting(url: str) -> int:
    for line in httpx.get(f"{url}/metrics", timeout=60).text.splitlines():
        if line.startswith("queue_length "):
            return int(float(line.split()[1]))
    pytest.fail("no queue_length in the metrics")


def test_probes_are_served_while_the_queue_is_full(url: str) -> None:
    with stream_under_way(url):
        second = Leaver(url, "/inference/", SHORT_BODY)
        wait_until(lambda: waiting(url) == 1)
        assert ask(url).status_code == 429
        for path in ALWAYS_ANSWERED:
            assert httpx.get(url + path, timeout=60).status_code == 200, path
        assert waiting(url) == 1  # the queue has not moved
        second.leave()


def test_full_queue_rejects_before_the_body_is_read(url: str) -> None:
    address = httpx.URL(url)
    head = b"POST /inference/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with stream_under_way(url):
        second = Leaver(url, "/inference/", SHORT_BODY)
        wait_until(lambda: waiting(url) == 1)
        with socket.create_connection((address.host, address.port), timeout=60) as client:
            client.sendall(head + b"Content-Length: 1000000\r\n\r\n")  # without the body
            assert client.recv(12) == b"HTTP/1.1 429"
        second.leave()


@pytest.mark.parametrize("path", ["/inference/", "/inference", "/inference/?or=later"])
@pytest.mark.parametrize("length", [len(SHORT_BODY), 1_000_000])
def test_every_rejection_is_the_same(url: str, path: str, length: int) -> None:
    body = SHORT_BODY.ljust(length)
    headers = {"Content-Type": "application/json", "X-Request-ID": "mine-7"}
    with stream_under_way(url):
        second = Leaver(url, "/inference/", SHORT_BODY)
        wait_until(lambda: waiting(url) == 1)
        before = refusals(url)
        refused = httpx.post(url + path, content=body, headers=headers, timeout=60)
        assert refusals(url) == before + 1
        second.leave()
        counted = 'http_errors_total{code="queue_full",route="/inference/"}'
        assert counted in httpx.get(f"{url}/metrics", timeout=60).text
    assert refused.status_code == 429
    assert refused.headers["x-request-id"] == "mine-7"
    assert refused.headers["connection"] == "close"
    assert refused.headers["content-type"] == "application/json"
    assert int(refused.headers["retry-after"]) >= 1
    error = error_of(refused)
    assert (error["type"], error["code"], error["param"]) == (
        "rate_limit_error",
        "queue_full",
        None,
    )


def refusals(url: str) -> float:
    for line in httpx.get(f"{url}/metrics", timeout=60).text.splitlines():
        if line.startswith("http_requests_total{") and 'status="429"' in line:
            assert 'method="POST",route="/inference/"' in line
            return float(line.split()[1])
    return 0


def test_disconnected_client_frees_its_place_in_the_queue(url: str) -> None:
    with stream_under_way(url):
        for _ in range(3):
            waiter = Leaver(url, "/inference/", SHORT_BODY)
            wait_until(lambda: waiting(url) == 1)
            waiter.leave()
            wait_until(lambda: waiting(url) == 0)


def test_callers_deadline_limits_the_wait(url: str) -> None:
    with stream_under_way(url):
        headers = {"X-Request-Deadline": "0.2"}
        late = httpx.post(f"{url}/inference/", json=SHORT, headers=headers, timeout=60)
        assert late.status_code == 504
        assert error_of(late)["code"] == "too_slow"
        assert error_of(late)["param"] == "x-request-deadline"
        assert "X-Request-Deadline allows no more" in error_of(late)["message"]


def test_long_deadline_changes_nothing(url: str) -> None:
    wait_until(lambda: ask(url).status_code == 200)
    headers = {"X-Request-Deadline": "300"}
    answer = httpx.post(f"{url}/inference/", json=SHORT, headers=headers, timeout=60)
    assert answer.status_code == 200
