"""Slow clients: a slow request gets 408, and a client that never reads is dropped."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import orjson
import pytest

from shared.http.tensors import Float32Array
from tests.conftest import running
from tests.support.leaving_clients import wait_until

JSON = "Content-Type: application/json\r\nContent-Length: 1000000\r\n"
FORM = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n"
PART = '--x\r\nContent-Disposition: form-data; name="name"\r\n'
CHUNKED = "Content-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.URL]:
    """URL of a gateway without services."""
    folder = tmp_path_factory.mktemp("data")
    with running("gateway", RECEIVE_SECONDS="0.5", DATA_DIR=str(folder)) as url:
        yield httpx.URL(url)


@contextmanager
def connected(url: httpx.URL) -> Iterator[socket.socket]:
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        yield connection


def open_descriptors(url: httpx.URL) -> float:
    for line in httpx.get(url.join("/metrics"), timeout=60).text.splitlines():
        if line.startswith("process_open_fds "):
            return float(line.split()[1])
    pytest.skip("process_open_fds is not told here")


@pytest.mark.parametrize(
    "sent",
    [
        JSON + "\r\n",  # a body that never arrives
        f"\r\nPOST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{JSON}\r\n",
    ],
)
def test_connection_is_closed_though_its_client_stays(url: httpx.URL, sent: str) -> None:
    before = open_descriptors(url)
    with connected(url) as connection:
        connection.sendall(f"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n{sent}".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        wait_until(lambda: open_descriptors(url) <= before)


def drip(connection: socket.socket, piece: bytes) -> bytes:
    """Send a piece from time to time until the connection closes. Returns the response."""
    answer = b""
    connection.settimeout(0.05)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
            if not (part := connection.recv(65_536)):
                return answer
            answer += part
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return answer
    pytest.fail("the connection is still open")


@pytest.mark.parametrize(
    ("path", "head", "piece"),
    [
        ("/v1/audio/speech", JSON, b" "),
        ("/v1/jobs", JSON, b" "),
        ("/v1/audio/voices", FORM + "\r\n" + PART, b"x"),
        ("/v1/audio/verify", CHUNKED, b"1\r\nx\r\n"),
    ],
)
def test_dripping_body_gets_408(url: httpx.URL, path: str, head: str, piece: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        answer = drip(connection, piece)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_too_slow"' in answer
    assert b"0.5 s" in answer


def test_stalled_body_gets_408(url: httpx.URL) -> None:
    with connected(url) as connection:
        connection.sendall(f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\n{{".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /check HT", b"GET /check HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "]
)
def test_connection_without_a_complete_head_is_closed(url: httpx.URL, sent: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(sent)
        assert drip(connection, b"x" if sent else b"") == b""


def test_connection_with_an_unread_body_is_closed(url: httpx.URL) -> None:
    """After an early response the rest is read and discarded, for a limited time."""
    with connected(url) as connection:
        connection.sendall(f"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\n".encode())
        assert drip(connection, b" ").startswith(b"HTTP/1.1 404 ")


def test_connection_with_timely_requests_stays_open(url: httpx.URL) -> None:
    """The time limit restarts with each request."""
    ask = b"GET /check HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connected(url) as connection:
        for _ in range(10):
            connection.sendall(ask)
            answer = b""
            while b"service available" not in answer:
                part = connection.recv(65_536)
                assert part, "the connection was closed"
                answer += part
            time.sleep(0.15)  # in total longer than the limit of one request


def test_client_that_never_reads_frees_the_slot(mel: Float32Array) -> None:
    long = {"spec": np.tile(mel, 100), "sr": 48_000, "seed": 1}
    body = orjson.dumps(long, option=orjson.OPT_SERIALIZE_NUMPY)
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with running("vocoder", CONCURRENCY="1", SEND_SECONDS="0.5") as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(f"POST /inference/ HTTP/1.1\r\nHost: x\r\n{head}".encode() + body)
            assert deaf.recv(1)  # the response has started
            short = {"spec": mel[:, :2].tolist()}
            answer = httpx.post(f"{url}/inference/", json=short, timeout=60)
    assert answer.status_code == 200
