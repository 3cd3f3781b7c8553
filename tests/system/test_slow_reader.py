"""A client that takes nothing of its answer is dropped, and does not keep others waiting."""

import socket

import httpx
import numpy as np
import orjson

from shared.http.tensors import Float32Array
from tests.conftest import running


def test_client_that_never_reads_frees_the_slot(mel: Float32Array) -> None:
    long = {"spec": np.tile(mel, 100), "sr": 48_000, "seed": 1}
    body = orjson.dumps(long, option=orjson.OPT_SERIALIZE_NUMPY)
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with running("vocoder", CONCURRENCY="1", SEND_SECONDS="0.5") as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(f"POST /inference/ HTTP/1.1\r\nHost: x\r\n{head}".encode() + body)
            assert deaf.recv(1)  # its answer has begun
            short = {"spec": mel[:, :2].tolist()}
            answer = httpx.post(f"{url}/inference/", json=short, timeout=60)
    assert answer.status_code == 200
