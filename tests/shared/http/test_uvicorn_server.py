"""Ambiguous framing, over a socket; and the parts of uvicorn that are extended."""

import inspect
import json
import tomllib
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn
from uvicorn.protocols.http import h11_impl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from shared.http.app import create_app
from shared.http.app_state import state_of
from shared.http.uvicorn_server import TimeoutProtocol
from shared.settings import AppSettings
from tests.conftest import REPOSITORY
from tests.support.served_app import served
from tests.system.test_connections import connect, read_to_the_end

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunks and length": b"Transfer-Encoding: chunked\r\ncontent-length: 5",
    "length of nothing and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6",
    "list of lengths": b"Content-Length: 5, 5",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunks and identity": b"Transfer-Encoding: chunked, identity",
    "identity": b"Transfer-Encoding: identity",
    "hidden coding": b"Transfer-Encoding: xchunked",
    "blank before the colon": b"Content-Length : 5\r\nTransfer-Encoding: chunked",
    "folded header": b"X-Folded: a\r\n b",
    "folded coding": b"X-Folded: a\r\n\tTransfer-Encoding: chunked",
    "folded value": b"Transfer-Encoding:\r\n chunked",
    "bare line feeds": b"Content-Length: 5\nTransfer-Encoding: chunked",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = create_app("test", "", AppSettings(), load=lambda: None)
    with served(app, http=partial(TimeoutProtocol, state_of(app))) as url:
        yield url


def answer_to(url: str, *parts: bytes) -> bytes:
    with connect(url) as client:
        for part in parts:
            client.sendall(part)
        return read_to_the_end(client)


def head(fields: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST /nothing HTTP/%b\r\nHost: x\r\n%b\r\n\r\n" % (version, fields)


def assert_refused(answer: bytes) -> None:
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    told, _, body = answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close" in told.lower()
    assert json.loads(body)["error"]["code"] == "malformed_request"


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_framing_is_rejected_and_the_connection_closed(url: str, fields: bytes) -> None:
    assert_refused(answer_to(url, head(fields) + CHUNKS + SMUGGLED))


def test_chunks_need_http_1_1(url: str) -> None:
    assert_refused(answer_to(url, head(b"Transfer-Encoding: chunked", b"1.0") + CHUNKS))


def test_ambiguous_head_in_pieces_is_rejected(url: str) -> None:
    whole = head(AMBIGUOUS["length and chunks"])
    assert_refused(answer_to(url, whole[:60], whole[60:], CHUNKS))


def test_ambiguous_pipelined_request_is_rejected(url: str) -> None:
    first = b"GET /check HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = answer_to(url, first + head(AMBIGUOUS["length and chunks"]) + CHUNKS + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert_refused(answer[answer.index(b"HTTP/1.1 400 ") :])


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Length: 5", b"hello"),
        (b"transfer-encoding: Chunked", CHUNKS),
        (b"X-Length: Content-Length: 5\r\nTransfer-Encoding:chunked", CHUNKS),
    ],
)
def test_unambiguous_request_keeps_the_connection(url: str, fields: bytes, body: bytes) -> None:
    last = b"GET /check HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = answer_to(url, head(fields) + body + last)
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.count(b"HTTP/1.1 200 ") == 1


def test_uvicorn_has_the_methods_and_attributes_that_are_extended() -> None:
    """Fails if an upgrade of uvicorn changes a name that TimeoutProtocol uses."""
    for method, parameters in {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "send_400_response": ["self", "msg"],
        "on_response_complete": ["self"],
        "shutdown": ["self"],
        "timeout_keep_alive_handler": ["self"],
    }.items():
        signature = inspect.signature(getattr(H11Protocol, method))
        assert list(signature.parameters) == parameters, method
    source = inspect.getsource(h11_impl)
    for name in (
        "self.conn = h11.Connection(",
        "self.timeout_keep_alive_task = self.loop.call_later(",
        "self.app_state",
        "self.connections = server_state.connections",
        "self.server_state",
        "on_response=self.on_response_complete",
    ):
        assert name in source
    cycle = inspect.getsource(h11_impl.RequestResponseCycle)
    for attribute in (
        "body",
        "disconnected",
        "message_event",
        "response_complete",
        "response_started",
    ):
        assert f"self.{attribute} = " in cycle


def test_uvicorn_has_the_websocket_methods_that_are_extended() -> None:
    """Fails if an upgrade of uvicorn changes a name that SocketProtocol uses."""
    for method, parameters in {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "handle_ping": ["self", "event"],
        "resume_writing": ["self"],
        "run_asgi": ["self"],
        "data_received": ["self", "data"],
    }.items():
        signature = inspect.signature(getattr(WSProtocol, method))
        assert list(signature.parameters) == parameters, method
    source = inspect.getsource(WSProtocol)
    for name in ("self.writable = asyncio.Event()", "self.close_sent = ", "self.logger = "):
        assert name in source
    of_request = inspect.getsource(H11Protocol)
    for name in (
        "self.ws_protocol_class = config.ws_protocol_class",
        "if self.ws_protocol_class is None:",
        "protocol = self.ws_protocol_class(",
        "protocol.connection_made(self.transport)",
        "def handle_websocket_upgrade(self, event: h11.Request)",
    ):
        assert name in of_request


def test_uvicorn_is_pinned() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert f"uvicorn=={uvicorn.__version__}" in project["dependencies"]
