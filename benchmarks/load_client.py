"""A cheap HTTP client, which takes little CPU from the app that it loads."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Self
from urllib.parse import urlsplit

import httpx

PROBED = ("/health/ready", "/metrics")
PROBE_SECONDS = 0.1  # between two probes of a path
TIMEOUT = 300  # seconds


@dataclass(frozen=True)
class Request:
    """The request that every client sends; its response is always the same."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    def to_bytes(self) -> bytes:
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""])
        return head.encode() + self.body


@dataclass(frozen=True)
class Answer:
    """A response. body: as it was sent, without chunk framing."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def send(url: str, request: Request) -> Answer:
    """Send a request on a new connection. Raises OSError, or TimeoutError after TIMEOUT."""
    address = urlsplit(url)
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(request.to_bytes())  # the response may come before all of it is sent
            return _parsed(await reader.read())
        finally:
            writer.transport.abort()  # drops the rest of the request


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        raise ConnectionResetError("no response")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(int(status.split()[1]), headers, _without_chunks(headers, body))


def _without_chunks(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body. Raises ConnectionResetError if it was cut off."""
    if headers.get("transfer-encoding") != "chunked":
        return body
    parts: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if not size:
            raise ConnectionResetError("incomplete response")
        if not (length := int(size, 16)):
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]


class Prober:
    """Probes health and metrics from its own process, within a `with` block.

    seconds: of each probe, by path, after the block.
    """

    def __init__(self, url: str) -> None:
        context = get_context("spawn")
        self._end, ours = context.Pipe()
        self._process = context.Process(target=_probe, args=(url, ours), daemon=True)
        self.seconds: dict[str, list[float]] = {}

    def __enter__(self) -> Self:
        self._process.start()
        self._end.recv()  # it has started
        return self

    def __exit__(self, *error: object) -> None:
        self._end.send("enough")
        self.seconds = self._end.recv()
        self._process.join()


def _probe(url: str, end: Connection) -> None:
    probes: dict[str, list[float]] = {path: [] for path in PROBED}
    with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
        http.get("/check")
        end.send("started")
        while not end.poll(PROBE_SECONDS):
            for path, seconds in probes.items():
                started = time.perf_counter()
                http.get(path).raise_for_status()
                seconds.append(time.perf_counter() - started)
    end.send(probes)
