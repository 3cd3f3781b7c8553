"""Connections: their limit, eviction, and lingering close."""

import email
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from fastapi import Response

from shared.http.app import create_app
from shared.http.app_state import state_of
from shared.http.request_id import request_id
from shared.http.uvicorn_server import RESERVE, LingeringClose, TimeoutProtocol
from shared.settings import AppSettings
from tests.conftest import running
from tests.support.leaving_clients import wait_until
from tests.support.served_app import served

MAX = 4


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a gateway without services."""
    folder = tmp_path_factory.mktemp("data")
    with running("gateway", MAX_CONNECTIONS=str(MAX), DATA_DIR=str(folder)) as url:
        yield url


def connect(url: str) -> socket.socket:
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80), timeout=60)


HALF_SENT = (
    b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n"
)


@pytest.fixture
def crowd(url: str) -> Iterator[ExitStack]:
    """MAX busy connections, and those that a test adds."""
    with ExitStack() as crowd:
        for _ in range(MAX):
            crowd.enter_context(connect(url)).sendall(HALF_SENT)
        wait_until(lambda: queued(url) == MAX)
        yield crowd
    wait_until(lambda: httpx.get(f"{url}/v1/models", timeout=60).is_success)


def queued(url: str) -> int:
    metrics = httpx.get(f"{url}/metrics", timeout=60).text
    return int(float(metrics.split("\nqueue_length ")[1].split()[0]))


def read_response(client: socket.socket) -> bytes:
    """Read one response, which may arrive in several parts."""
    received = b""
    while not is_whole(received):
        part = client.recv(65_536)
        assert part, received
        received += part
    return received


def is_whole(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    headers = email.message_from_bytes(head.partition(b"\r\n")[2])
    return bool(separator) and len(body) >= int(headers["content-length"])


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connection_beyond_the_limit_gets_503(url: str, crowd: ExitStack) -> None:
    refused = httpx.post(f"{url}/v1/audio/speech", json={"input": "Hello."}, timeout=60)
    assert refused.status_code == 503
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "server_error",
        "too_many_connections",
        None,
    )
    assert "4 connections are busy" in error["message"]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["connection"] == "close"
    assert refused.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/check", "/metrics"])
def test_probes_are_served_beyond_the_limit(url: str, crowd: ExitStack, path: str) -> None:
    assert httpx.get(url + path, timeout=60).status_code == 200


def test_connections_beyond_the_reserve_evict_the_oldest(url: str, crowd: ExitStack) -> None:
    waiting = [crowd.enter_context(connect(url)) for _ in range(RESERVE)]
    assert httpx.get(f"{url}/health/live", timeout=60).status_code == 200
    assert is_closed(waiting[0])
    assert queued(url) == MAX  # no request was dropped


KEY = {"Authorization": "Bearer sk-one"}
KEYLESS = {
    "nothing": b"",
    "half a head": b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a request, long ago": b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n",
    "a body that never comes": HALF_SENT,
    "no HTTP": b"nothing of the kind\r\n\r\n",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    keys = {"API_KEYS": "sk-one", "MAX_CONNECTIONS": str(MAX), "DATA_DIR": str(folder)}
    with running("gateway", **keys) as url:
        yield url


@pytest.mark.parametrize("sent", KEYLESS.values(), ids=KEYLESS)
def test_connections_without_a_key_do_not_lock_out_key_holders(guarded: str, sent: bytes) -> None:
    with ExitStack() as crowd:
        for _ in range(MAX + RESERVE):
            client = crowd.enter_context(connect(guarded))
            client.sendall(sent)
            if sent.endswith(b"\r\n\r\n"):
                assert client.recv(1)
        answer = httpx.get(f"{guarded}/v1/models", headers=KEY, timeout=60)
        assert answer.status_code == 200, answer.text


def test_connection_without_a_request_is_evicted_first(url: str) -> None:
    get = b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as crowd:
        asked = crowd.enter_context(connect(url))
        asked.sendall(get)
        assert read_response(asked).startswith(b"HTTP/1.1 200 ")
        silent = [crowd.enter_context(connect(url)) for _ in range(MAX)]
        assert is_closed(silent[0])
        for client in (asked, *silent[1:]):
            client.sendall(get)
            assert read_response(client).startswith(b"HTTP/1.1 200 ")


def test_sequential_requests_do_not_reach_the_limit(url: str) -> None:
    for _ in range(3 * MAX):
        assert httpx.get(f"{url}/v1/models", timeout=60).status_code == 200


@pytest.mark.parametrize("closes", [b"Connection: close\r\n", b""])
def test_early_response_can_be_read_after_the_body_is_sent(url: str, closes: bytes) -> None:
    body = bytes(8_000_000)  # more than the socket buffers hold
    with connect(url) as client:
        client.sendall(b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n" + closes)
        client.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        answer = read_response(client)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"not_found"' in answer


def read_to_the_end(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(65_536):
        received += part
    return received


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"nothing of the kind\r\n\r\n",
        b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
)
def test_malformed_http_gets_a_json_error(url: str, sent: bytes) -> None:
    with connect(url) as client:
        client.sendall(sent)
        head, _, body = read_to_the_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    headers = email.message_from_bytes(head.partition(b"\r\n")[2])
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["content-length"]) == len(body)
    error = json.loads(body)["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "malformed_request")


def test_head_over_the_limit_gets_the_limit(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET /check HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 100_000)
        _, _, body = read_to_the_end(client).partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert error["code"] == "head_too_large"
    assert "over 16384 bytes" in error["message"]


def test_bad_chunk_after_the_response_gets_no_second_one(url: str) -> None:
    wait_until(lambda: httpx.get(f"{url}/v1/models", timeout=60).is_success)  # a connection is free
    with connect(url) as client:
        client.sendall(
            b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        answer = read_response(client)
        assert answer.startswith(b"HTTP/1.1 404 ")
        client.sendall(b"no length\r\n")
        answer += read_to_the_end(client)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_lingering_close_of_a_disconnected_client_aborts() -> None:
    transport = Mock(**{"write_eof.side_effect": OSError("not connected")})
    lingering = LingeringClose(transport, lambda: True, Mock(), seconds=60)
    lingering.close()
    transport.abort.assert_called_once()


def test_malformed_pipelined_request_does_not_take_the_previous_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = create_app("test", "", AppSettings(), load=lambda: None)
    first = b"GET /check HTTP/1.1\r\nHost: x\r\nX-Request-ID: first\r\n\r\n"
    ids: dict[str, str | None] = {}

    class Ids(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ids[record.getMessage()] = request_id.get()

    log = logging.getLogger("better")
    log.addHandler(handler := Ids())
    try:
        with (
            caplog.at_level("INFO", "better"),
            served(app, http=partial(TimeoutProtocol, state_of(app))) as url,
            connect(url) as client,
        ):
            client.sendall(first + b"nothing of the kind\r\n\r\n")
            assert read_to_the_end(client).count(b"HTTP/1.1 400 ") == 1
    finally:
        log.removeHandler(handler)
    assert ids["GET /check 200"] == "first"
    assert ids["other none 400"] not in ("first", None)


def test_idle_connection_after_a_late_body_is_closed() -> None:
    """Its request got an early response; then its body arrived, and nothing more."""
    app = create_app("test", "", AppSettings(), load=lambda: None)
    http = partial(TimeoutProtocol, state_of(app))
    with served(app, http=http, timeout_keep_alive=1) as url, connect(url) as client:
        client.settimeout(20)
        client.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert read_response(client).startswith(b"HTTP/1.1 404 ")
        client.sendall(bytes(9))
        assert read_to_the_end(client) == b""


def test_client_that_never_reads_a_large_response_is_dropped() -> None:
    settings = AppSettings(send_seconds=0.1, receive_seconds=2)
    app = create_app("test", "", settings, load=lambda: None)
    dropped = threading.Event()

    @app.get("/large")
    def large() -> Response:
        return Response(bytes(50_000_000))  # more than the socket buffers hold

    class Watched(TimeoutProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            dropped.set()

    def http(*args: Any, **kwargs: Any) -> Watched:
        return Watched(state_of(app), *args, **kwargs)

    with served(app, http=http) as url, connect(url) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1)
        assert dropped.wait(20)
