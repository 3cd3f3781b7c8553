"""The sound of a job on its way to who asked for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from client.wav_stream import Int16Array
from gateway_service import job_routes
from gateway_service.settings import Settings
from gateway_service.tables_jobs import JobRow
from shared.app import create_app
from shared.compute import ComputeSlot
from shared.errors import NotFound
from tests.served_app import served

PATH = "/v1/jobs/job_1/audio"
SECOND = np.zeros(16_000, np.int16)


class OneJob:
    """Of three seconds. before: is called with the number of each, in the thread that makes it."""

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
        )

    def before(self, second: int) -> None:
        pass

    def sound(self, job: JobRow) -> Iterator[Int16Array]:
        for second in range(3):
            self.before(second)
            yield SECOND

    def length(self, job: JobRow) -> int:
        return 3 * len(SECOND)


class Deleted(OneJob):
    def __init__(self, at: int) -> None:
        self._at = at

    def before(self, second: int) -> None:
        if second == self._at:
            raise NotFound("there is no job 'job_1'", code="job_not_found")


class Held(OneJob):
    """From its second second on, until it is let go."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()

    def before(self, second: int) -> None:
        if second == 1:
            self.reached.set()
            assert self.let_go.wait(60)


class Endless(OneJob):
    """If it is job_2."""

    def sound(self, job: JobRow) -> Iterator[Int16Array]:
        return repeat(SECOND) if job.id == "job_2" else super().sound(job)


@contextmanager
def downloads_of(jobs: OneJob, at_a_time: int = 2) -> Iterator[httpx.Client]:
    app = create_app(
        service="gateway",
        summary="One job.",
        settings=Settings(),
        load=lambda: SimpleNamespace(jobs=jobs, downloads=ComputeSlot(0, 30, at_a_time, 1)),
    )
    app.include_router(job_routes.router)
    with served(app) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield http


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


def test_downloads_over_the_limit_are_refused_with_retry_after() -> None:
    jobs = Held()
    with downloads_of(jobs, at_a_time=1) as http, http.stream("GET", PATH) as first:
        assert first.is_success
        assert jobs.reached.wait(60)
        refused = http.get(PATH)
        jobs.let_go.set()
        assert len(first.read()) > 1000
        assert http.get(PATH).is_success
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1


def test_who_reads_slowly_holds_nobody_up() -> None:
    with downloads_of(Endless()) as http, http.stream("GET", "/v1/jobs/job_2/audio") as slow:
        assert slow.is_success
        assert http.get(PATH).is_success  # through the one thread that there is
