"""GET /v1/jobs/{id}/audio: whole files, ranges and conditional requests."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gateway_service.jobs import routes as job_routes
from gateway_service.jobs.sound import BLOCK_BYTES, Digest
from gateway_service.settings import Settings
from gateway_service.storage.tables import JobRow
from shared.http.app import create_app
from shared.http.errors import NotFound
from tests.support.served_app import served

PATH = "/v1/jobs/job_1/audio"
FILE = bytes(range(256)) * (2 * BLOCK_BYTES // 256) + b"the last block"


class OneJob:
    """Replaces the stored jobs by one with three blocks.

    before: called with the number of each block before it is read.
    """

    def __init__(self) -> None:
        digest = Digest()
        digest.add(FILE)
        self.sha256 = digest.sha256
        self.sounds = self

    def find(self, job_id: str) -> JobRow:
        return JobRow(
            id=job_id,
            status="completed",
            created_at=0,
            voice="rowan",
            response_format="wav",
            preview="One.",
            sentences=3,
            done=3,
            skipped=0,
            sound_bytes=len(FILE),
            sound_sha256=self.sha256,
        )

    def before(self, block: int) -> None:
        pass

    def block(self, job_id: str, position: int) -> bytes:
        self.before(position)
        return FILE[position * BLOCK_BYTES :][:BLOCK_BYTES]


class Deleted(OneJob):
    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def before(self, block: int) -> None:
        if block == self._at:
            raise NotFound("there is no job 'job_1'", code="job_not_found")


@contextmanager
def serve_job(jobs: OneJob) -> Iterator[httpx.Client]:
    app = create_app(
        service="gateway",
        summary="One job.",
        settings=Settings(),
        load=lambda: SimpleNamespace(jobs=jobs),
    )
    app.include_router(job_routes.router)
    with served(app) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield http


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with serve_job(OneJob()) as http:
        yield http


def test_whole_file_has_length_and_etag(http: httpx.Client) -> None:
    response = http.get(PATH).raise_for_status()
    assert response.content == FILE
    assert response.headers["content-length"] == str(len(FILE))
    assert response.headers["etag"] == f'"{OneJob().sha256}"'
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-disposition"] == 'attachment; filename="job_1.wav"'


def test_head_has_the_headers_of_get(http: httpx.Client) -> None:
    head, got = http.head(PATH), http.get(PATH)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-length", "etag", "accept-ranges", "content-type"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    "part",
    [
        range(1),
        range(BLOCK_BYTES - 3, BLOCK_BYTES + 3),
        range(BLOCK_BYTES, 2 * BLOCK_BYTES),
        range(10, len(FILE)),
    ],
)
def test_range_is_sent(http: httpx.Client, part: range) -> None:
    response = http.get(PATH, headers={"range": f"bytes={part.start}-{part.stop - 1}"})
    assert response.status_code == 206
    assert response.content == FILE[part.start : part.stop]
    size = len(FILE)
    assert response.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/{size}"
    assert response.headers["content-length"] == str(len(part))


def test_range_reads_only_its_own_blocks() -> None:
    with serve_job(Deleted(at=0)) as http:
        assert http.get(PATH, headers={"range": "bytes=-14"}).content == b"the last block"


def test_interrupted_download_is_resumed(http: httpx.Client) -> None:
    with http.stream("GET", PATH) as response:
        first = next(response.iter_raw(1000))
        etag = response.headers["etag"]
    rest = http.get(PATH, headers={"range": f"bytes={len(first)}-", "if-range": etag})
    assert first + rest.content == FILE


def test_range_of_another_version_gets_the_whole_file(http: httpx.Client) -> None:
    response = http.get(PATH, headers={"range": "bytes=5-", "if-range": '"older"'})
    assert (response.status_code, response.content) == (200, FILE)


def test_range_beyond_the_end_is_rejected(http: httpx.Client) -> None:
    response = http.get(PATH, headers={"range": f"bytes={len(FILE)}-"})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(FILE)}"
    assert response.json()["error"]["code"] == "range_not_satisfiable"


def test_unchanged_file_is_not_sent_again(http: httpx.Client) -> None:
    etag = http.head(PATH).headers["etag"]
    response = http.get(PATH, headers={"if-none-match": etag, "range": "bytes=0-4"})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag
    assert http.get(PATH, headers={"if-none-match": '"older"'}).content == FILE


def test_job_deleted_during_its_download_aborts_it_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serve_job(Deleted(at=2)) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(PATH)
        assert http.get("/check").is_success
    assert "Traceback" not in capfd.readouterr().err


def test_job_deleted_before_its_first_byte_is_not_found() -> None:
    with serve_job(Deleted(at=0)) as http:
        response = http.get(PATH)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")


class LargeJob(OneJob):
    def __init__(self) -> None:
        super().__init__()
        self.sounds = self
        self.read = 0

    def find(self, job_id: str) -> JobRow:
        job = super().find(job_id)
        job.sound_bytes = 10_000 * BLOCK_BYTES
        return job

    def block(self, job_id: str, position: int) -> bytes:
        self.read += 1
        return bytes(BLOCK_BYTES)


def test_slow_readers_limit_the_blocks_that_are_read() -> None:
    """Each reader holds a block and the connection's buffers, but no thread."""
    jobs, readers = LargeJob(), 30
    with serve_job(jobs) as http:
        with open_all(http.stream("GET", PATH) for _ in range(readers)) as responses:
            assert all(response.is_success for response in responses)
            assert http.get(PATH, headers={"range": "bytes=0-4"}).status_code == 206
        # The kernel buffers some megabytes on both sides of each connection.
        assert jobs.read < readers * 200


@contextmanager
def open_all(streams: Iterator[AbstractContextManager[httpx.Response]]) -> Iterator[Any]:
    """Open streams without reading them. They are aborted at the end of the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(stream) for stream in streams]
