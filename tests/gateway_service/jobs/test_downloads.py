"""The sound of a job on its way to who asked for it."""

import threading
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
    """Of three blocks. before: is called with the number of each, in the thread that reads it."""

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
def downloads_of(jobs: OneJob) -> Iterator[httpx.Client]:
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
    with downloads_of(OneJob()) as http:
        yield http


def test_whole_sound_says_its_length_and_version(http: httpx.Client) -> None:
    answer = http.get(PATH).raise_for_status()
    assert answer.content == FILE
    assert answer.headers["content-length"] == str(len(FILE))
    assert answer.headers["etag"] == f'"{OneJob().sha256}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == 'attachment; filename="job_1.wav"'


def test_head_is_that_of_the_whole(http: httpx.Client) -> None:
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
def test_part_is_sent(http: httpx.Client, part: range) -> None:
    answer = http.get(PATH, headers={"range": f"bytes={part.start}-{part.stop - 1}"})
    assert answer.status_code == 206
    assert answer.content == FILE[part.start : part.stop]
    size = len(FILE)
    assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/{size}"
    assert answer.headers["content-length"] == str(len(part))


def test_part_reads_its_own_blocks_alone() -> None:
    with downloads_of(Deleted(at=0)) as http:
        assert http.get(PATH, headers={"range": "bytes=-14"}).content == b"the last block"


def test_broken_download_goes_on_where_it_was(http: httpx.Client) -> None:
    with http.stream("GET", PATH) as answer:
        first = next(answer.iter_raw(1000))
        etag = answer.headers["etag"]
    rest = http.get(PATH, headers={"range": f"bytes={len(first)}-", "if-range": etag})
    assert first + rest.content == FILE


def test_part_of_another_version_is_the_whole(http: httpx.Client) -> None:
    answer = http.get(PATH, headers={"range": "bytes=5-", "if-range": '"older"'})
    assert (answer.status_code, answer.content) == (200, FILE)


def test_part_that_is_not_there_is_refused(http: httpx.Client) -> None:
    answer = http.get(PATH, headers={"range": f"bytes={len(FILE)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(FILE)}"
    assert answer.json()["error"]["code"] == "range_not_satisfiable"


def test_sound_that_the_caller_has_is_not_sent_again(http: httpx.Client) -> None:
    etag = http.head(PATH).headers["etag"]
    answer = http.get(PATH, headers={"if-none-match": etag, "range": "bytes=0-4"})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert http.get(PATH, headers={"if-none-match": '"older"'}).content == FILE


def test_job_deleted_during_its_download_breaks_it_off_quietly(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with downloads_of(Deleted(at=2)) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(PATH)
        assert http.get("/check").is_success
    assert "Traceback" not in capfd.readouterr().err


def test_job_deleted_before_its_first_byte_is_not_found() -> None:
    with downloads_of(Deleted(at=0)) as http:
        answer = http.get(PATH)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


class Counted(OneJob):
    def __init__(self) -> None:
        super().__init__()
        self.sounds = self
        self.read = 0
        self.all_begun = threading.Semaphore(0)

    def find(self, job_id: str) -> JobRow:
        job = super().find(job_id)
        job.sound_bytes = 10_000 * BLOCK_BYTES
        return job

    def block(self, job_id: str, position: int) -> bytes:
        self.read += 1
        return bytes(BLOCK_BYTES)


def test_no_more_is_read_than_a_slow_reader_takes() -> None:
    """A block, and what the connection holds, and none of the threads."""
    jobs, readers = Counted(), 30
    with downloads_of(jobs) as http:
        with all_open(http.stream("GET", PATH) for _ in range(readers)) as answers:
            assert all(answer.is_success for answer in answers)
            assert http.get(PATH, headers={"range": "bytes=0-4"}).status_code == 206
        # The kernel's buffers on both sides take some megabytes of each.
        assert jobs.read < readers * 200


@contextmanager
def all_open(streams: Iterator[AbstractContextManager[httpx.Response]]) -> Iterator[Any]:
    """The answers of streams that are not read, and are broken off in the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(stream) for stream in streams]
