"""Connections: how many there may be, and that none is closed before its answer was read."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from shared.connections import RESERVE
from tests.conftest import running
from tests.leaving_clients import wait_until

MOST = 4


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a gateway, which needs no service for what is tested here."""
    folder = tmp_path_factory.mktemp("data")
    with running("gateway", MAX_CONNECTIONS=str(MOST), DATA_DIR=str(folder)) as url:
        yield url


def connect(url: str) -> socket.socket:
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80), timeout=60)


@pytest.fixture
def crowd(url: str) -> Iterator[ExitStack]:
    """MOST connections that say nothing, and those that a test adds."""
    with ExitStack() as crowd:
        for _ in range(MOST):
            crowd.enter_context(connect(url))
        yield crowd
    wait_until(lambda: httpx.get(f"{url}/v1/models", timeout=60).is_success)


def test_one_connection_more_is_told_so(url: str, crowd: ExitStack) -> None:
    refused = httpx.post(f"{url}/v1/audio/speech", json={"input": "Hello."}, timeout=60)
    assert refused.status_code == 503
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "server_error",
        "too_many_connections",
        None,
    )
    assert "4 connections are open" in error["message"]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["connection"] == "close"
    assert refused.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/check", "/metrics"])
def test_health_and_metrics_answer_on_one_connection_more(
    url: str, crowd: ExitStack, path: str
) -> None:
    assert httpx.get(url + path, timeout=60).status_code == 200


def test_far_more_connections_are_closed_at_once(url: str, crowd: ExitStack) -> None:
    for _ in range(RESERVE):
        crowd.enter_context(connect(url))
    with connect(url) as one_too_many, suppress(ConnectionResetError):
        assert one_too_many.recv(1) == b""


def test_requests_that_come_one_after_the_other_are_no_crowd(url: str) -> None:
    for _ in range(3 * MOST):
        assert httpx.get(f"{url}/v1/models", timeout=60).status_code == 200


@pytest.mark.parametrize("closes", [b"Connection: close\r\n", b""])
def test_answer_that_comes_before_the_body_is_whole_can_be_read_after_it(
    url: str, closes: bytes
) -> None:
    body = bytes(8_000_000)  # more than the buffers between the two take
    with connect(url) as client:
        client.sendall(b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n" + closes)
        client.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"not_found"' in answer
