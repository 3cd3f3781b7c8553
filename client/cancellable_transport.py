"""HTTP that stops waiting for a server once nobody waits for us, however silent the server is."""

import math
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from shared.http.deadlines import check_connected

_LOOK_SECONDS = 0.25  # between two looks whether anybody still waits


class CancellableTransport(httpx.HTTPTransport):
    """Waiting for an answer raises ClientDisconnected when the caller has left."""

    def __init__(self) -> None:
        super().__init__()
        self._pool.close()
        # httpx lets nobody say what its pool is to read with.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,  # seconds; all as httpx has them
            network_backend=_Backend(),
        )


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        ends = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            check_connected()
            left = ends - time.monotonic()
            try:
                # Zero would mean: without any waiting.
                return self._stream.read(max_bytes, max(0.001, min(left, _LOOK_SECONDS)))
            except httpcore.ReadTimeout:
                if time.monotonic() >= ends:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
