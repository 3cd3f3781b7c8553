from typing import Any

import pytest
from pydantic import ValidationError

from gateway_service.books.audiobook import Tags
from gateway_service.jobs.books import JobContents, Reused
from gateway_service.jobs.schemas import JobObject, JobRequest
from gateway_service.storage.tables import ChapterRow, JobRow


def row(status: str, **columns: Any) -> JobRow:
    required = {"id": "job_1", "created_at": 5_999, "voice": "rowan", "response_format": "wav"}
    counts = {"preview": "One.", "sentences": 3, "done": 1, "skipped": 0}
    return JobRow(status=status, **{**required, **counts, **columns})


def test_times_are_whole_seconds() -> None:
    job = JobObject.of(row("completed", expires_at=7_999))

    assert (job.created_at, job.expires_at) == (5, 7)


def test_unfinished_job_has_no_expiry() -> None:
    assert JobObject.of(row("running")).expires_at is None


def test_failed_job_has_an_error_and_no_delay() -> None:
    job = JobObject.of(row("failed", error_code="nothing_to_speak", error_message="no symbol"))

    assert job.error
    assert (job.error.code, job.error.message) == ("nothing_to_speak", "no symbol")
    assert job.waiting_for is None


def test_queued_job_waits_for_its_own_or_a_common_reason() -> None:
    queued = row("queued", error_message="the vocoder is unreachable")

    assert JobObject.of(queued).waiting_for == "the vocoder is unreachable"
    assert JobObject.of(queued, common_delay="the disk is full").waiting_for == "the disk is full"
    assert JobObject.of(queued).error is None


def test_running_job_waits_for_nothing() -> None:
    assert JobObject.of(row("running"), common_delay="the disk is full").waiting_for is None


def test_request_has_defaults() -> None:
    job = JobRequest.model_validate({"input": "One.", "voice": "rowan"})

    assert (job.response_format, job.speed, job.seed) == ("mp3", 1.0, None)
    assert (job.text_format, job.lexicon) == ("auto", None)


@pytest.mark.parametrize("missing", ["input", "voice"])
def test_request_needs_text_and_voice(missing: str) -> None:
    fields = {"input": "One.", "voice": "rowan"}
    del fields[missing]

    with pytest.raises(ValidationError, match=missing):
        JobRequest.model_validate(fields)


def test_time_left_is_that_of_chapters_that_are_made() -> None:
    job = row("running", sentences=100, done=52, spent_ms=4_000)
    chapters = [
        ChapterRow(number=1, title="", first=0, sentences=50, source=0),
        ChapterRow(number=2, title="", first=50, sentences=10),
        ChapterRow(number=3, title="", first=60, sentences=40, source=60),
    ]
    assert JobObject.of(job, JobContents(Tags(), chapters)).seconds_left == 16
    reused = Reused(sentences=90, done=50)
    assert JobObject.of(job, reused=reused).seconds_left == 16
    copied = row("running", sentences=100, done=50, spent_ms=100)
    assert JobObject.of(copied, JobContents(Tags(), chapters)).seconds_left is None
