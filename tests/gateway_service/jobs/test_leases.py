import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import Digest
from gateway_service.jobs.store import Jobs, JobSpec
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow, SentenceRow
from shared.text.sentences import Piece
from tests.support.job_fixtures import claim, finish, job_spec
from tests.support.stub_services import stub_embed


def count(storage: Storage, table: type[JobRow] | type[SentenceRow]) -> int:
    with storage.read_session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_oldest_job_is_taken_first(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    made = [jobs.create(job_spec()).id for _ in range(3)]
    with storage.session() as session:  # they may have been made in one millisecond
        for job_id, due_at in zip(made, [2, 3, 1], strict=True):
            session.get_one(JobRow, job_id).due_at = due_at

    assert [claim(leases).id for _ in range(3)] == [made[2], made[0], made[1]]
    assert leases.claim() is None


def test_of_many_workers_one_gets_the_job(jobs: Jobs, leases: Leases) -> None:
    made = {jobs.create(job_spec()).id for _ in range(3)}

    with ThreadPoolExecutor(8) as workers:
        futures = [workers.submit(leases.claim) for _ in range(16)]
    taken = [job.id for future in futures if (job := future.result())]

    assert sorted(taken) == sorted(made)


def test_job_whose_lease_ran_out_goes_on_with_another_worker(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    dead = Leases(storage, seconds=0, retention_days=1)
    first = claim(dead)
    assert dead.save_sentence(first, 0, b"one")

    second = claim(dead)

    assert (second.id, second.done) == (first.id, 1)
    assert [piece.text for piece in dead.pieces(second)] == ["Two is there.", "Three is gone."]


def test_job_whose_lease_is_renewed_is_taken_by_nobody(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    job = claim(Leases(storage, seconds=0, retention_days=1))
    leases = Leases(storage, seconds=60, retention_days=1)

    assert leases.renew(job)

    assert leases.claim() is None


def test_who_lost_a_job_changes_nothing(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    leases = Leases(storage, seconds=0, retention_days=1)
    loser, owner = claim(leases), claim(leases)
    changes: list[Callable[[], object]] = [
        lambda: leases.save_sentence(loser, 0, b"lost"),
        lambda: leases.renew(loser),
        lambda: leases.release(loser),
        lambda: leases.save_block(loser, 0, b"lost"),
        lambda: leases.delete_blocks(loser),
        lambda: leases.complete(loser, Digest()),
        lambda: leases.fail(loser, "c", "m"),
    ]

    assert not any(change() for change in changes)

    job = jobs.find(owner.id)
    assert (job.status, job.owner, job.done) == ("running", owner.owner, 0)


def test_a_sentence_is_kept_once(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    assert leases.save_sentence(job, 0, b"one")
    assert not leases.save_sentence(job, 0, b"again")
    assert not leases.save_sentence(job, 2, b"too early")

    assert jobs.find(job.id).done == 1


def test_sound_of_a_sentence_may_be_of_megabytes(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())

    assert leases.save_sentence(claim(leases), 0, bytes(2**21))


def test_cancelled_job_is_lost_to_its_worker(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    jobs.cancel(job.id)

    assert not leases.renew(job)
    assert not leases.save_sentence(job, 0, b"one")
    assert jobs.find(job.id).status == "cancelled"


def test_job_put_back_is_due_when_its_wait_is_over(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), seconds=60, reason="the vocoder is away")
    assert leases.claim() is None
    assert leases.count_due() == 0

    job = jobs.newest(1)[0]
    assert (job.status, job.error_message) == ("queued", "the vocoder is away")


def test_job_put_back_for_no_time_is_due_at_once(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases))

    assert leases.count_due() == 1
    assert claim(leases).attempts == 2


def test_attempts_count_from_the_last_sentence(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases))
    job = claim(leases)
    leases.save_sentence(job, 0, b"one")
    leases.release(job)

    assert claim(leases).attempts == 2


def test_failed_job_says_why_and_expires(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    leases.fail(job, "nothing_to_speak", "sentence 1: no")

    failed = jobs.find(job.id)
    assert (failed.status, failed.error_code) == ("failed", "nothing_to_speak")
    assert failed.error_message == "sentence 1: no"
    assert failed.expires_at


def test_reason_of_any_length_is_kept_in_part(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), reason="안" * 30_000)
    job = claim(leases)

    leases.fail(job, "c" * 300, "안" * 30_000)

    failed = jobs.find(job.id)
    assert failed.status == "failed"
    assert failed.error_message
    assert failed.error_message.startswith("안안")


def test_result_is_kept_until_its_time_is_over(jobs: Jobs, storage: Storage) -> None:
    kept_long = Leases(storage, seconds=60, retention_days=1)
    kept_short = Leases(storage, seconds=60, retention_days=0)
    jobs.create(job_spec())
    stays = finish(kept_long)
    jobs.create(job_spec())
    finish(kept_short)

    kept_long.delete_expired()

    assert [job.id for job in jobs.newest(10)] == [stays.id]
    assert count(storage, JobRow) == 1
    assert count(storage, SentenceRow) == 3


def test_long_job_is_deleted_whole(jobs: Jobs, storage: Storage) -> None:
    pieces = [Piece(f"Sentence {i}.", 0.0) for i in range(250)]
    job = jobs.create(JobSpec(pieces, "rowan", stub_embed(), "mp3", 1.0, 1))
    jobs.cancel(job.id)
    jobs.delete(job.id)

    Leases(storage, seconds=60, retention_days=1).delete_expired()

    assert count(storage, JobRow) == count(storage, SentenceRow) == 0


def test_sweep_gives_the_space_back(
    jobs: Jobs, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[Storage] = []
    monkeypatch.setattr(Storage, "reclaim_space", lambda own: given_back.append(own))
    leases = Leases(storage, seconds=60, retention_days=0)
    leases.delete_expired()
    assert given_back == []

    jobs.create(job_spec())
    finish(leases)
    leases.delete_expired()

    assert given_back == [storage]


def test_unfinished_jobs_are_not_swept(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=0, retention_days=0)
    jobs.create(job_spec())
    jobs.create(job_spec())
    claim(leases)

    leases.delete_expired()

    assert count(storage, JobRow) == 2


def test_job_that_another_process_deletes_is_left_to_it(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=60, retention_days=0)
    jobs.create(job_spec())
    job = finish(leases)
    with storage.session() as session:
        session.get_one(JobRow, job.id).due_at = 2**62  # the end of the other's lease

    leases.delete_expired()

    assert count(storage, JobRow) == 1


def test_of_many_sweepers_none_stumbles(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=60, retention_days=0)
    for _ in range(5):
        jobs.create(job_spec())
        finish(leases)

    with ThreadPoolExecutor(4) as sweepers:
        futures = [sweepers.submit(leases.delete_expired) for _ in range(4)]
    for future in futures:
        future.result()

    assert count(storage, JobRow) == 0


def test_job_that_is_over_holds_no_voice(jobs: Jobs, leases: Leases) -> None:
    ids = [jobs.create(job_spec()).id for _ in range(3)]
    leases.complete(claim(leases), Digest())
    leases.fail(claim(leases), "invalid_value", "it cannot be said")
    assert jobs.cancel(claim(leases).id)
    assert [jobs.find(job_id).embed for job_id in ids] == [b"", b"", b""]


@contextmanager
def clock_ahead(hours: float) -> Iterator[None]:
    """Of the whole process; the time since boot is as it was."""
    true = time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: true() + int(hours * 3600e9))
        yield


def test_clock_that_is_days_ahead_for_a_moment_deletes_nothing(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(job_spec())
    job = finish(leases)

    with clock_ahead(hours=8 * 24):
        leases.delete_expired()
        assert jobs.find(job.id).status == "completed"

    assert jobs.find(job.id).status == "completed"
    assert count(storage, SentenceRow) == 3


def test_job_that_is_deleted_while_the_clock_is_wrong_is_gone(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(job_spec())
    job = finish(leases)

    with clock_ahead(hours=-8 * 24):
        jobs.delete(job.id)
        leases.delete_expired()

    assert count(storage, JobRow) == 0


def test_lease_and_wait_of_a_clock_that_was_ahead_are_void(jobs: Jobs, leases: Leases) -> None:
    with clock_ahead(hours=1):
        taken, made = jobs.create(job_spec()), jobs.create(job_spec())
        claim(leases)
    leases.reset_future_leases()

    assert {claim(leases).id for _ in range(2)} == {taken.id, made.id}


def test_leases_and_waits_as_long_as_they_may_be_are_not_void(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), seconds=300)
    jobs.create(job_spec())
    claim(leases)

    leases.reset_future_leases()

    assert leases.claim() is None


def test_deleting_of_megabytes_leaves_a_small_file_and_a_small_log(tmp_path: Path) -> None:
    storage = Storage("", tmp_path)
    jobs, leases = Jobs(storage, 100, 0), Leases(storage, 60, retention_days=0)
    for _ in range(10):
        jobs.create(job_spec())
        job = claim(leases)
        for position in range(3):
            leases.save_sentence(job, position, os.urandom(2**20))
        leases.complete(job, Digest())
    file, wal = tmp_path / "gateway.sqlite3", tmp_path / "gateway.sqlite3-wal"
    assert file.stat().st_size > 25 * 2**20
    sizes, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            sizes.append(wal.stat().st_size)

    watching = threading.Thread(target=watch)
    watching.start()
    leases.delete_expired()
    is_over.set()
    watching.join()

    assert file.stat().st_size < 2**20
    assert wal.stat().st_size < 2**20
    assert max(sizes) < 8 * 2**20
    storage.close()
