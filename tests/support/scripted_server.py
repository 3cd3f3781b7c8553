"""A server on loopback with scripted responses, which may be broken."""

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class ScriptedResponse:
    """Parts of a response, sent one by one. `between` is called after each.

    broken: the connection is reset in the end, not closed.
    """

    parts: Iterable[bytes]
    broken: bool = False
    between: Callable[[], object] = field(default=lambda: None)


Reply = ScriptedResponse | Callable[[Received], ScriptedResponse]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> ScriptedResponse:
    return ScriptedResponse([_head(status, len(body), headers) + body])


def json_response(content: Any, status: int = 200, **headers: str) -> ScriptedResponse:
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return answer(status, body, content_type="application/json", **headers)


def error_response(status: int, message: str, **headers: str) -> ScriptedResponse:
    error = {"type": "t", "message": message, "param": "text", "code": "c"}
    return json_response({"error": error}, status, **headers)


def broken_response(body: bytes, sent: int) -> ScriptedResponse:
    """A response that is reset after `sent` bytes of the body."""
    return ScriptedResponse([_head(200, len(body), {}) + body[:sent]], broken=True)


def _head(status: int, length: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said So", f"content-length: {length}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


class ScriptedServer:
    """Sends the replies in turn, and the last one from then on.

    received: all requests, except for the weights, which are stated in the header of that name.
    """

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.received: list[Received] = []
        self.weights = ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._reply(connection)

    def _reply(self, connection: socket.socket) -> None:
        request = _read(connection)
        if request.path == "/health/ready":
            stated = json_response({"status": "ready"}, X_Weights_SHA256=self.weights)
            connection.sendall(b"".join(stated.parts))
            return
        self.received.append(request)
        reply = self.replies[min(len(self.received), len(self.replies)) - 1]
        given = reply if isinstance(reply, ScriptedResponse) else reply(request)
        try:
            for part in given.parts:
                connection.sendall(part)
                given.between()
        except OSError:  # the client has left
            return
        if given.broken:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Received(first.split(" ")[1], headers, body)
