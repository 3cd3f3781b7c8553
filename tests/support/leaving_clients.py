"""Clients that send a request and disconnect without reading the response."""

import socket
import time
from collections.abc import Callable

import httpx


class Leaver:
    """A client that has sent its request."""

    def __init__(self, url: str, path: str, body: bytes, *headers: str) -> None:
        address = httpx.URL(url)
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        self._socket = socket.create_connection((address.host, address.port or 80), timeout=60)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def leave(self) -> None:
        self._socket.close()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, or fail the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
