"""A finished job with many slow readers, on a small machine."""

import hashlib
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.support.job_fixtures import wait_until
from tests.support.memory_limit import LIMIT_MIB, small_machine
from tests.support.stub_services import StubServices

READERS = 50
MIB_OF_ONE = 1.5
TEXT = "A sentence of a job is as long as this one here. " * 12  # 600 characters


def completed_job(http: httpx.Client) -> str:
    """The id of a job with the longest possible sentences: it is spoken at the lowest speed."""
    order = {"input": TEXT, "voice": "rowan", "response_format": "wav", "speed": 0.25}
    job_id = str(http.post("/v1/jobs", json=order).raise_for_status().json()["id"])
    wait_until(lambda: http.get(f"/v1/jobs/{job_id}").json()["state"] == "completed")
    return job_id


def begin_to_read(url: httpx.URL, path: str) -> socket.socket:
    """A client that has read the beginning, and stops."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect((url.host, url.port))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert reader.recv(1024).startswith(b"HTTP/1.1 200")
    return reader


def test_slow_readers_fit_a_small_machine(tmp_path: Path) -> None:
    with StubServices() as services, ExitStack() as readers:
        settings = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
        with (
            small_machine("gateway", settings | services.environment) as machine,
            httpx.Client(base_url=machine.url, timeout=60) as http,
        ):
            path = f"/v1/jobs/{completed_job(http)}/audio"
            whole = http.get(path).content
            assert len(whole) > 5 * 2**20
            before = machine.peak_mib
            for _ in range(READERS):
                readers.enter_context(begin_to_read(http.base_url, path))
            answer = http.get(path)
            assert answer.content == whole
            assert answer.headers["etag"] == f'"{hashlib.sha256(whole).hexdigest()}"'
            assert (machine.peak_mib - before) / READERS < MIB_OF_ONE
            assert machine.peak_mib < LIMIT_MIB
            assert machine.group is None or machine.group.killed == 0
