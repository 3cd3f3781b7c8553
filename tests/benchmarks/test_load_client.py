"""The load client's results for whole, failed and broken responses."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.load_client import Answer, Request, send

REQUEST = Request("/inference/", b"{}", {"Content-Type": "application/json"})
OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 3\r\n\r\n"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of a server that gives one response to any request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def answer_to(answer: bytes) -> Answer:
    with answering(answer) as url:
        return asyncio.run(send(url, REQUEST))


def test_chunks_are_joined() -> None:
    answer = answer_to(OK + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"abcde")
    assert answer.headers["retry-after"] == "3"


def test_body_without_chunks_is_taken_as_it_stands() -> None:
    assert answer_to(b"HTTP/1.1 429 No\r\nA: b\r\n\r\n{}") == Answer(429, {"a": "b"}, b"{}")


@pytest.mark.parametrize("broken", [b"", OK, OK + b"3\r\nabc\r\n"])
def test_half_an_answer_is_none(broken: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        answer_to(broken)
