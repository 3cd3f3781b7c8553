from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, event

from gateway_service.jobs.leases import Leases
from gateway_service.jobs.store import Jobs
from gateway_service.storage.database import NotEnoughSpace, Storage
from shared.http.errors import NotFound, QueueFull
from tests.support.job_fixtures import claim, finish, job_spec
from tests.support.stub_services import stub_embed


def test_new_job_is_queued_with_its_spec(jobs: Jobs) -> None:
    job = jobs.find(jobs.create(job_spec()).id)

    assert (job.status, job.sentences, job.done) == ("queued", 3, 0)
    assert (job.voice, job.response_format, job.speed, job.seed) == ("rowan", "wav", 1.0, 7)
    assert np.array_equal(np.frombuffer(job.embed, "<f4"), stub_embed(3))
    assert job.preview == "One is here. Two is there. Three is gone."
    assert job.expires_at is None


def test_text_in_any_script_is_stored(jobs: Jobs, leases: Leases) -> None:
    text = "Grüße, 안녕 und 🎉 hier." + " Noch ein langer Satz." * 20
    jobs.create(job_spec(text))

    assert " ".join(piece.text for piece in leases.pieces(claim(leases))) == text


def test_rows_of_a_long_text_are_inserted_and_read_in_batches(jobs: Jobs, leases: Leases) -> None:
    rows: list[int] = []

    def record(*statement: Any) -> None:
        _, _, sql, parameters, _, _ = statement
        if "job_sentences" in sql:
            rows.append(len(parameters))

    event.listen(Engine, "before_cursor_execute", record)
    jobs.create(job_spec("Yes. " * 3_000))
    event.remove(Engine, "before_cursor_execute", record)

    assert len(rows) >= 6
    # SQLite gets a list of rows, MariaDB a flat list of their values.
    assert max(rows) <= 500 * 4
    job = claim(leases)
    assert job.sentences == len([*leases.pieces(job)]) == 3_000


def test_newest_jobs_are_listed_first_in_pages(jobs: Jobs) -> None:
    created = [jobs.create(job_spec()) for _ in range(5)]
    newest = sorted(created, key=lambda job: (job.created_at, job.id), reverse=True)

    pages = [jobs.newest(2)]
    while pages[-1]:
        pages.append(jobs.newest(2, after=pages[-1][-1].id))

    assert [job.id for page in pages for job in page] == [job.id for job in newest]


def test_page_after_an_unknown_job_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFound):
        jobs.newest(2, after="job_gone")


def test_job_over_the_limit_is_rejected_until_one_is_cancelled(storage: Storage) -> None:
    jobs = Jobs(storage, max_waiting=1, retention_days=1)
    first = jobs.create(job_spec())
    with pytest.raises(QueueFull, match="limit is 1"):
        jobs.create(job_spec())

    jobs.cancel(first.id)

    jobs.create(job_spec())


def test_running_job_counts_as_waiting(storage: Storage, leases: Leases) -> None:
    jobs = Jobs(storage, max_waiting=1, retention_days=1)
    jobs.create(job_spec())
    claim(leases)

    with pytest.raises(QueueFull):
        jobs.create(job_spec())


def test_cancelled_job_is_final_and_not_claimed(jobs: Jobs, leases: Leases) -> None:
    job = jobs.create(job_spec())

    cancelled = jobs.cancel(job.id)

    assert cancelled
    assert cancelled.status == "cancelled"
    assert cancelled.expires_at
    assert leases.claim() is None
    assert jobs.cancel(job.id) is None


def test_unfinished_job_is_not_deleted(jobs: Jobs) -> None:
    job = jobs.create(job_spec())

    with pytest.raises(NotFound):
        jobs.delete(job.id)

    assert jobs.find(job.id).status == "queued"


def test_deleted_job_is_gone_at_once(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = finish(leases)

    jobs.delete(job.id)

    assert jobs.newest(10) == []
    with pytest.raises(NotFound, match=job.id):
        jobs.find(job.id)
    with pytest.raises(NotFound):
        jobs.delete(job.id)


def test_job_that_needs_more_disk_than_is_free_is_refused(jobs: Jobs, storage: Storage) -> None:
    if storage.folder is None:
        pytest.skip("MariaDB does not tell its free space")
    with pytest.raises(NotEnoughSpace, match="needs about 1000000000 MB") as refused:
        jobs.create(replace(job_spec(), disk_bytes=10**15))

    assert refused.value.code == "storage_full"
    assert jobs.newest(1) == []
