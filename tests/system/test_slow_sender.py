"""A request that comes too slowly is refused, and its connection closed, whoever waits for it."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.conftest import running
from tests.support.leaving_clients import wait_until

JSON = "Content-Type: application/json\r\nContent-Length: 1000000\r\n"
FORM = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n"
PART = '--x\r\nContent-Disposition: form-data; name="name"\r\n'
CHUNKED = "Content-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.URL]:
    """A gateway, which needs no service for what is tested here."""
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
        JSON + "\r\n",  # a body that does not come
        f"\r\nPOST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{JSON}\r\n",
    ],
)
def test_connection_is_let_go_though_its_client_stays(url: httpx.URL, sent: str) -> None:
    before = open_descriptors(url)
    with connected(url) as connection:
        connection.sendall(f"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n{sent}".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404 ")
        wait_until(lambda: open_descriptors(url) <= before)


def drip(connection: socket.socket, piece: bytes) -> bytes:
    """Sends a piece now and then until the connection is closed; gives what came back."""
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
def test_body_that_drips_in_is_refused_with_408(
    url: httpx.URL, path: str, head: str, piece: bytes
) -> None:
    with connected(url) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        answer = drip(connection, piece)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_too_slow"' in answer
    assert b"0.5 s" in answer


def test_body_that_stops_coming_is_refused_with_408(url: httpx.URL) -> None:
    with connected(url) as connection:
        connection.sendall(f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\n{{".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /check HT", b"GET /check HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "]
)
def test_connection_whose_head_does_not_come_is_closed(url: httpx.URL, sent: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(sent)
        assert drip(connection, b"x" if sent else b"") == b""


def test_connection_whose_body_nobody_wants_is_closed(url: httpx.URL) -> None:
    """It was answered early; what still comes is read and thrown away, but not for ever."""
    with connected(url) as connection:
        connection.sendall(f"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\n".encode())
        assert drip(connection, b" ").startswith(b"HTTP/1.1 404 ")


def test_connection_of_requests_that_come_in_time_stays(url: httpx.URL) -> None:
    """Its next request counts anew, however long ago it was opened."""
    ask = b"GET /check HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connected(url) as connection:
        for _ in range(10):
            connection.sendall(ask)
            answer = b""
            while b"service available" not in answer:
                part = connection.recv(65_536)
                assert part, "the connection was closed"
                answer += part
            time.sleep(0.15)  # all together longer than one request may take
