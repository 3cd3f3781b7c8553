import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import repeat
from typing import Any

import numpy as np
import pytest
import soundfile

from client.chain import Chain
from client.retries import RetryPolicy
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.runner import JobRunner
from gateway_service.jobs.sound import BLOCK_BYTES
from gateway_service.jobs.store import Jobs
from gateway_service.speech import speaking
from gateway_service.speech.encoding import encode
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.tables import JobRow
from tests.support.job_fixtures import job_spec
from tests.support.stub_services import FRAMES_PER_CHARACTER, Refusal, StubServices, stub_embed

SENTENCES = ["One is here.", "Two is there.", "Three is gone."]


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture
def chain(services: StubServices) -> Iterator[Chain]:
    urls = [services.encoder.url, services.synthesizer.url, services.vocoder.url]
    with Chain(*urls, retries=RetryPolicy(attempts=1)) as chain:
        yield chain


@pytest.fixture
def runner(leases: Leases, chain: Chain) -> JobRunner:
    return JobRunner(leases, chain, max_attempts=3)


def spoken(chain: Chain) -> bytes:
    """The file of the job of `job_spec`."""
    sounds = [speaking.say(chain, piece, stub_embed(3)) for piece in job_spec().pieces]
    chunks = [chunk for sound in sounds for chunk in sound]
    return b"".join(encode(chunks, "wav", sum(map(len, chunks))))


def sound_of_job(jobs: Jobs, job_id: str) -> bytes:
    job, sounds = jobs.find(job_id), jobs.sounds
    assert job.sound_bytes
    blocks = range(-(-job.sound_bytes // BLOCK_BYTES))
    file = b"".join(sounds.block(job_id, position) for position in blocks)
    assert (len(file), sha256(file).hexdigest()) == (job.sound_bytes, job.sound_sha256)
    return file


def run_until_final(runner: JobRunner, jobs: Jobs, job_id: str, storage: Storage) -> JobRow:
    """Run the job until it is finished. Backoffs are skipped by making it due."""
    while (job := jobs.find(job_id)).status == "queued":
        with storage.session() as session:
            session.get_one(JobRow, job_id).due_at = 0
        runner.run_next()
    return job


def test_runner_without_a_job_calls_no_service(runner: JobRunner, services: StubServices) -> None:
    runner.run_next()

    assert services.synthesizer.requests == []


def test_job_is_spoken_sentence_by_sentence(
    runner: JobRunner, jobs: Jobs, services: StubServices, chain: Chain
) -> None:
    job = jobs.create(job_spec())

    runner.run_next()

    assert jobs.find(job.id).status == "completed"
    assert services.synthesizer.texts == SENTENCES
    assert sound_of_job(jobs, job.id) == spoken(chain)


def test_job_continues_where_the_last_worker_stopped(
    jobs: Jobs, chain: Chain, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec())
    interrupted = JobRunner(_FailsAfter(storage, 0, 1, sentences=1), chain, max_attempts=3)
    interrupted.run_next()
    assert (jobs.find(job.id).status, jobs.find(job.id).done) == ("running", 1)

    JobRunner(Leases(storage, 60, 1), chain, max_attempts=3).run_next()

    assert jobs.find(job.id).status == "completed"
    assert services.synthesizer.texts == [*SENTENCES[:2], *SENTENCES[1:]]
    assert sound_of_job(jobs, job.id) == spoken(chain)


def test_job_waits_for_an_unreachable_service(
    runner: JobRunner, jobs: Jobs, services: StubServices, leases: Leases
) -> None:
    job = jobs.create(job_spec())
    services.vocoder.refusal = Refusal(503)

    runner.run_next()

    waiting = jobs.find(job.id)
    assert (waiting.status, waiting.done) == ("queued", 0)
    assert waiting.error_message
    assert "vocoder" in waiting.error_message
    assert leases.claim() is None  # not due before its backoff


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_job_is_completed_once_its_service_is_back(
    runner: JobRunner, jobs: Jobs, services: StubServices, storage: Storage, status: int
) -> None:
    job = jobs.create(job_spec())
    services.vocoder.refusal = Refusal(status, times=2)

    final = run_until_final(runner, jobs, job.id, storage)

    assert (final.status, final.error_message) == ("completed", None)


def test_job_fails_after_its_last_attempt(
    runner: JobRunner, jobs: Jobs, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec())
    services.vocoder.refusal = Refusal(500)

    failed = run_until_final(runner, jobs, job.id, storage)

    assert failed.status == "failed"
    assert failed.error_message
    assert "tried 3 times" in failed.error_message
    assert len(services.vocoder.requests) == 3


def test_job_that_crashes_its_workers_fails(
    jobs: Jobs, chain: Chain, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec())
    for _ in range(3):
        assert Leases(storage, seconds=0, retention_days=1).claim()

    JobRunner(Leases(storage, 60, 1), chain, max_attempts=3).run_next()

    assert (jobs.find(job.id).status, services.synthesizer.requests) == ("failed", [])


def test_finished_sentence_resets_the_attempts(
    runner: JobRunner, jobs: Jobs, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec())

    def fail_twice_each(path: str) -> None:
        is_third = len(services.vocoder.requests) % 3 == 0
        services.vocoder.refusal = None if is_third else Refusal(500)

    services.vocoder.before = fail_twice_each

    assert run_until_final(runner, jobs, job.id, storage).status == "completed"
    assert len(services.vocoder.requests) == 9


def test_unspeakable_sentence_becomes_a_short_silence(
    runner: JobRunner, jobs: Jobs, services: StubServices
) -> None:
    job = jobs.create(job_spec("One is here. 안녕하세요. Two is there."))

    runner.run_next()

    completed = jobs.find(job.id)
    assert (completed.status, completed.done, completed.skipped) == ("completed", 3, 1)
    wav, _ = soundfile.read(io.BytesIO(sound_of_job(jobs, job.id)))
    first = 1.5 * ((FRAMES_PER_CHARACTER * 12 - 1) * 200 + 0.35 * 16_000)  # at 24 kHz
    skipped = wav[int(first) + 200 : int(first) + 4_600]  # 0.2 s without the resampler's edges
    assert np.abs(skipped).max() < 0.001
    assert np.abs(wav[: int(first)]).max() > 0.1
    assert np.abs(wav[int(first) + 5_000 :]).max() > 0.1


def test_too_long_sentence_is_skipped(
    jobs: Jobs, leases: Leases, chain: Chain, services: StubServices
) -> None:
    job = jobs.create(job_spec("One is here. " + "A" * 60 + ". Two is there."))

    JobRunner(leases, chain, max_attempts=3, max_sentence_seconds=3).run_next()

    completed = jobs.find(job.id)
    assert (completed.status, completed.done, completed.skipped) == ("completed", 3, 1)
    assert len(services.vocoder.requests) == 2


@pytest.mark.parametrize("text", ["안녕하세요.", "안녕하세요. 반갑습니다. 잘 가요."])
def test_job_without_a_speakable_sentence_fails(
    runner: JobRunner, jobs: Jobs, services: StubServices, text: str
) -> None:
    job = jobs.create(job_spec(text))

    runner.run_next()

    failed = jobs.find(job.id)
    assert (failed.status, failed.error_code) == ("failed", "nothing_to_speak")
    assert failed.error_message
    assert "leaves no symbol" in failed.error_message
    assert services.vocoder.requests == []


def test_sentences_of_an_earlier_worker_count(
    jobs: Jobs, chain: Chain, leases: Leases, storage: Storage
) -> None:
    job = jobs.create(job_spec("안녕하세요. Two is there. 잘 가요."))
    JobRunner(_FailsAfter(storage, 0, 1, sentences=2), chain, max_attempts=3).run_next()
    assert (jobs.find(job.id).done, jobs.find(job.id).skipped) == (2, 1)

    JobRunner(leases, chain, max_attempts=3).run_next()

    assert (jobs.find(job.id).status, jobs.find(job.id).skipped) == ("completed", 2)


def test_stopped_runner_releases_its_job_with_finished_sentences(
    runner: JobRunner, jobs: Jobs, services: StubServices, leases: Leases
) -> None:
    job = jobs.create(job_spec())
    services.synthesizer.before = lambda path: (
        runner.stop() if services.synthesizer.texts[1:] else None
    )

    runner.run_next()

    stopped = jobs.find(job.id)
    assert (stopped.status, stopped.done) == ("queued", 1)
    assert leases.count_due() == 1


def test_long_job_yields_to_a_waiting_one(
    jobs: Jobs, leases: Leases, chain: Chain, services: StubServices
) -> None:
    runner = JobRunner(leases, chain, max_attempts=3, slice_seconds=0)
    book = jobs.create(job_spec())
    services.vocoder.before = lambda path: (
        jobs.create(job_spec("A line.")) if len(services.vocoder.requests) == 1 else None
    )

    for _ in range(3):
        runner.run_next()

    assert jobs.find(book.id).status == "completed"
    assert services.synthesizer.texts == [SENTENCES[0], "A line.", *SENTENCES[1:]]


@dataclass(frozen=True)
class _ObservedLeases(Leases):
    """before: called with the position of each block before it is stored."""

    before: Callable[[int], None] = lambda position: None

    def save_block(self, job: JobRow, position: int, data: bytes) -> bool:
        self.before(position)
        return super().save_block(job, position, data)


def test_interrupted_encoding_starts_over(
    jobs: Jobs, storage: Storage, chain: Chain, services: StubServices
) -> None:
    job = jobs.create(job_spec())

    def fail(position: int) -> None:
        if position == 1:
            raise StorageUnavailable

    JobRunner(_ObservedLeases(storage, 60, 1, fail), chain, max_attempts=3).run_next()
    assert (jobs.find(job.id).status, jobs.find(job.id).done) == ("running", 3)
    with storage.session() as session:
        session.get_one(JobRow, job.id).due_at = 0  # its lease expires

    JobRunner(Leases(storage, 60, 1), chain, max_attempts=3).run_next()

    assert jobs.find(job.id).status == "completed"
    assert services.synthesizer.texts == SENTENCES
    assert sound_of_job(jobs, job.id) == spoken(chain)


def test_other_jobs_run_during_an_encoding(jobs: Jobs, storage: Storage, chain: Chain) -> None:
    book = jobs.create(job_spec())
    others: list[str] = []

    def create_another(position: int) -> None:
        if not others:
            others.append(jobs.create(job_spec("A line.")).id)
        elif position == 2:
            assert jobs.find(others[0]).status == "completed"

    leases = _ObservedLeases(storage, 60, 1, create_another)
    JobRunner(leases, chain, max_attempts=3, slice_seconds=0).run_next()

    assert {job.status for job in jobs.newest(9)} == {"completed"}
    assert sound_of_job(jobs, book.id) == spoken(chain)


def test_job_cancelled_during_its_encoding_stays_cancelled(
    jobs: Jobs, storage: Storage, chain: Chain
) -> None:
    job = jobs.create(job_spec())

    def cancel(position: int) -> None:
        jobs.cancel(job.id)

    JobRunner(_ObservedLeases(storage, 60, 1, cancel), chain, max_attempts=3).run_next()

    assert (jobs.find(job.id).status, jobs.find(job.id).sound_bytes) == ("cancelled", None)


def test_stopped_runner_claims_no_job(runner: JobRunner, jobs: Jobs) -> None:
    job = jobs.create(job_spec())
    runner.stop()

    runner.run_next()

    assert jobs.find(job.id).status == "queued"


def test_cancelled_job_stops_the_vocoder(
    jobs: Jobs, chain: Chain, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec())
    leases = _CountedRenewals(storage, seconds=0.5, retention_days=1)
    answer = services.vocoder.answer

    def endless(path: str, request: dict[str, Any]) -> Iterator[bytes]:
        parts = answer(path, request)
        assert isinstance(parts, Iterator)
        header, part, *_ = parts
        yield header
        jobs.cancel(job.id)
        assert leases.lost.wait(30)
        yield from repeat(part, 5_000)  # more than sockets hold

    services.vocoder.answer = endless

    JobRunner(leases, chain, max_attempts=3).run_next()

    assert services.vocoder.left.wait(30)
    assert (jobs.find(job.id).status, len(services.vocoder.requests)) == ("cancelled", 1)


def test_sentence_may_take_longer_than_the_lease(
    jobs: Jobs, chain: Chain, services: StubServices, storage: Storage
) -> None:
    job = jobs.create(job_spec("One is here."))
    leases = _CountedRenewals(storage, seconds=1, retention_days=1)
    services.vocoder.before = lambda path: leases.outlived.wait(60)

    JobRunner(leases, chain, max_attempts=3).run_next()

    completed = jobs.find(job.id)
    assert (completed.status, completed.attempts) == ("completed", 1)


@dataclass(frozen=True)
class _CountedRenewals(Leases):
    """lost: set when a renewal fails. outlived: set after more renewals than one lease takes."""

    lost: threading.Event = field(default_factory=threading.Event)
    outlived: threading.Event = field(default_factory=threading.Event)
    _renewals: list[JobRow] = field(default_factory=list)

    def renew(self, job: JobRow) -> bool:
        own = super().renew(job)
        self._renewals.append(job)
        if len(self._renewals) == 15:  # a lease is renewed ten times before it would expire
            self.outlived.set()
        if not own:
            self.lost.set()
        return own


@dataclass(frozen=True)
class _FailsAfter(Leases):
    """Loses its database after `sentences` sentences."""

    sentences: int = 0

    def save_sentence(self, job: JobRow, position: int, *sentence: Any) -> bool:
        if position >= self.sentences:
            raise StorageUnavailable
        return super().save_sentence(job, position, *sentence)
