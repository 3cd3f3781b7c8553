"""A file server on loopback with scripted faults."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fault:
    """The fault of one response."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)  # with a status
    drop_after: int | None = None  # bytes of body, then the connection closes
    stall_after: int | None = None  # bytes of body, then nothing more comes
    ignore_range: bool = False
    content_range: str | None = None  # instead of the true one
    body: bytes | None = None  # instead of the file's
    hide_size: bool = False  # no Content-Length: the body ends with the connection


@dataclass
class FileServer:
    """`/name` serves a file; `/hub/name` redirects to it as Hugging Face does."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """For the next responses, one each; redirects do not count."""
    ranges: list[str | None] = field(default_factory=list)
    """The Range headers of all requests for files so far."""
    stopping: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FileServer

    def do_GET(self) -> None:
        _, *folders, name = self.path.split("/")
        if name not in self.served.files:
            self._empty(404)
        elif folders == ["hub"]:
            self._redirect(name)
        else:
            self._answer(name)

    def _answer(self, name: str) -> None:
        self.served.ranges.append(self.headers.get("Range"))
        fault = self.served.faults.pop(0) if self.served.faults else Fault()
        whole = self.served.files[name] if fault.body is None else fault.body
        asked = "" if fault.ignore_range else self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        if fault.status:
            self._empty(fault.status, fault.headers)
        elif start >= len(whole) > 0:
            self._empty(416, {"Content-Range": f"bytes */{len(whole)}"})
        else:
            self._send(fault, whole, start)

    def _send(self, fault: Fault, whole: bytes, start: int) -> None:
        body = whole[start:]
        self.send_response(206 if start else 200)
        if start:
            true_range = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            self.send_header("Content-Range", fault.content_range or true_range)
        if not fault.hide_size:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = fault.drop_after if fault.stall_after is None else fault.stall_after
        self.wfile.write(body[:cut])
        if fault.stall_after is not None:
            self.served.stopping.wait(30)
        self.close_connection = self.close_connection or cut is not None or fault.hide_size

    def _redirect(self, name: str) -> None:
        content = self.served.files[name]
        self._empty(
            302,
            {
                "Location": f"/{name}",
                "X-Linked-Size": str(len(content)),
                "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
            },
        )

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for header, value in ({"Content-Length": "0"} | (headers or {})).items():
            self.send_header(header, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@contextmanager
def file_server() -> Iterator[FileServer]:
    class Handler(_Handler):
        served = FileServer("")

    with _Server(("127.0.0.1", 0), Handler) as server:
        Handler.served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Handler.served
        finally:
            Handler.served.stopping.set()
            server.shutdown()
            thread.join()
