import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway_service.jobs.books import NewBook, NewChapter, decode_voices
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import Digest, SentenceSound
from gateway_service.jobs.store import Jobs, JobSpec
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import Base, BookRow, ChapterRow, JobRow, SentenceRow
from shared.text.sentences import Piece
from tests.support.job_fixtures import claim, finish, job_spec
from tests.support.stub_services import stub_embed


def count(storage: Storage, table: type[Base]) -> int:
    with storage.read_session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_oldest_job_is_claimed_first(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    created = [jobs.create(job_spec()).id for _ in range(3)]
    with storage.session() as session:  # all may have the same millisecond
        for job_id, due_at in zip(created, [2, 3, 1], strict=True):
            session.get_one(JobRow, job_id).due_at = due_at

    assert [claim(leases).id for _ in range(3)] == [created[2], created[0], created[1]]
    assert leases.claim() is None


def test_job_is_claimed_by_one_of_many_workers(jobs: Jobs, leases: Leases) -> None:
    created = {jobs.create(job_spec()).id for _ in range(3)}

    with ThreadPoolExecutor(8) as workers:
        futures = [workers.submit(leases.claim) for _ in range(16)]
    claimed = [job.id for future in futures if (job := future.result())]

    assert sorted(claimed) == sorted(created)


def test_job_with_an_expired_lease_continues_elsewhere(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    dead = Leases(storage, seconds=0, retention_days=1)
    first = claim(dead)
    assert dead.save_sentence(first, 0, SentenceSound(b"one"))

    second = claim(dead)

    assert (second.id, second.done) == (first.id, 1)
    assert [piece.text for piece in dead.pieces(second)] == ["Two is there.", "Three is gone."]


def test_job_with_a_renewed_lease_is_not_claimed(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    job = claim(Leases(storage, seconds=0, retention_days=1))
    leases = Leases(storage, seconds=60, retention_days=1)

    assert leases.renew(job)

    assert leases.claim() is None


def test_worker_without_the_lease_changes_nothing(jobs: Jobs, storage: Storage) -> None:
    jobs.create(job_spec())
    leases = Leases(storage, seconds=0, retention_days=1)
    loser, owner = claim(leases), claim(leases)
    changes: list[Callable[[], object]] = [
        lambda: leases.save_sentence(loser, 0, SentenceSound(b"lost")),
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


def test_sentence_is_stored_once(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    assert leases.save_sentence(job, 0, SentenceSound(b"one"))
    assert not leases.save_sentence(job, 0, SentenceSound(b"again"))
    assert not leases.save_sentence(job, 2, SentenceSound(b"too early"))

    assert jobs.find(job.id).done == 1


def test_sentence_may_have_megabytes_of_sound(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())

    assert leases.save_sentence(claim(leases), 0, SentenceSound(bytes(2**21)))


def test_cancelled_job_ends_the_lease(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    jobs.cancel(job.id)

    assert not leases.renew(job)
    assert not leases.save_sentence(job, 0, SentenceSound(b"one"))
    assert jobs.find(job.id).status == "cancelled"


def test_released_job_is_not_due_before_its_backoff(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), seconds=60, reason="the vocoder is unreachable")
    assert leases.claim() is None
    assert leases.count_due() == 0

    job = jobs.newest(1)[0]
    assert (job.status, job.error_message) == ("queued", "the vocoder is unreachable")


def test_job_released_without_backoff_is_due_at_once(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases))

    assert leases.count_due() == 1
    assert claim(leases).attempts == 2


def test_attempts_count_from_the_last_sentence(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases))
    job = claim(leases)
    leases.save_sentence(job, 0, SentenceSound(b"one"))
    leases.release(job)

    assert claim(leases).attempts == 2


def test_failed_job_has_a_reason_and_expires(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    job = claim(leases)

    leases.fail(job, "nothing_to_speak", "sentence 1: no")

    failed = jobs.find(job.id)
    assert (failed.status, failed.error_code) == ("failed", "nothing_to_speak")
    assert failed.error_message == "sentence 1: no"
    assert failed.expires_at


def test_long_reason_is_truncated(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), reason="안" * 30_000)
    job = claim(leases)

    leases.fail(job, "c" * 300, "안" * 30_000)

    failed = jobs.find(job.id)
    assert failed.status == "failed"
    assert failed.error_message
    assert failed.error_message.startswith("안안")


def test_finished_job_is_kept_during_its_retention(jobs: Jobs, storage: Storage) -> None:
    long_retention = Leases(storage, seconds=60, retention_days=1)
    no_retention = Leases(storage, seconds=60, retention_days=0)
    jobs.create(job_spec())
    kept = finish(long_retention)
    jobs.create(job_spec())
    finish(no_retention)

    long_retention.delete_expired()

    assert [job.id for job in jobs.newest(10)] == [kept.id]
    assert count(storage, JobRow) == 1
    assert count(storage, SentenceRow) == 3


def test_long_job_is_deleted_completely(jobs: Jobs, storage: Storage) -> None:
    pieces = [Piece(f"Sentence {i}.", 0.0) for i in range(250)]
    book = NewBook("Title", "Author", "en", b"cover", [NewChapter(1, "One", 0, 250)])
    job = jobs.create(JobSpec(pieces, "rowan", stub_embed(), "mp3", 1.0, 1, book=book))
    assert [chapter.title for chapter in jobs.contents(job.id).chapters] == ["One"]
    jobs.cancel(job.id)
    jobs.delete(job.id)

    Leases(storage, seconds=60, retention_days=1).delete_expired()

    assert count(storage, JobRow) == count(storage, SentenceRow) == 0
    assert count(storage, BookRow) == count(storage, ChapterRow) == 0


def test_voices_of_a_job_are_erased_at_its_end(jobs: Jobs) -> None:
    spec = replace(job_spec(), voices=[("birch", stub_embed(4))], speakers=[None, 0, 0])
    job = jobs.create(spec)
    assert len(decode_voices(jobs.find(job.id).voices)) == 1

    jobs.cancel(job.id)

    assert jobs.find(job.id).voices is None


def test_deletion_reclaims_space(
    jobs: Jobs, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reclaimed: list[Storage] = []
    monkeypatch.setattr(Storage, "reclaim_space", lambda own: reclaimed.append(own))
    leases = Leases(storage, seconds=60, retention_days=0)
    leases.delete_expired()
    assert reclaimed == []

    jobs.create(job_spec())
    finish(leases)
    leases.delete_expired()

    assert reclaimed == [storage]


def test_unfinished_jobs_do_not_expire(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=0, retention_days=0)
    jobs.create(job_spec())
    jobs.create(job_spec())
    claim(leases)

    leases.delete_expired()

    assert count(storage, JobRow) == 2


def test_job_being_deleted_by_another_process_is_skipped(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=60, retention_days=0)
    jobs.create(job_spec())
    job = finish(leases)
    with storage.session() as session:
        session.get_one(JobRow, job.id).due_at = 2**62  # the other's lease on the deletion

    leases.delete_expired()

    assert count(storage, JobRow) == 1


def test_concurrent_deletions_do_not_fail(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=60, retention_days=0)
    for _ in range(5):
        jobs.create(job_spec())
        finish(leases)

    with ThreadPoolExecutor(4) as sweepers:
        futures = [sweepers.submit(leases.delete_expired) for _ in range(4)]
    for future in futures:
        future.result()

    assert count(storage, JobRow) == 0


def test_finished_job_holds_no_embedding(jobs: Jobs, leases: Leases) -> None:
    ids = [jobs.create(job_spec()).id for _ in range(3)]
    leases.complete(claim(leases), Digest())
    leases.fail(claim(leases), "invalid_value", "it cannot be said")
    assert jobs.cancel(claim(leases).id)
    assert [jobs.find(job_id).embed for job_id in ids] == [b"", b"", b""]


@contextmanager
def clock_ahead(hours: float) -> Iterator[None]:
    """Set the wall clock of the process, but not its time since boot."""
    wall_clock = time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: wall_clock() + int(hours * 3600e9))
        yield


def test_short_step_of_the_clock_deletes_nothing(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(job_spec())
    job = finish(leases)

    with clock_ahead(hours=8 * 24):
        leases.delete_expired()
        assert jobs.find(job.id).status == "completed"

    assert jobs.find(job.id).status == "completed"
    assert count(storage, SentenceRow) == 3


def test_job_is_deleted_despite_a_wrong_clock(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    jobs.create(job_spec())
    job = finish(leases)

    with clock_ahead(hours=-8 * 24):
        jobs.delete(job.id)
        leases.delete_expired()

    assert count(storage, JobRow) == 0


def test_leases_and_backoffs_in_the_future_are_reset(jobs: Jobs, leases: Leases) -> None:
    with clock_ahead(hours=1):
        running, queued = jobs.create(job_spec()), jobs.create(job_spec())
        claim(leases)
    leases.reset_future_leases()

    assert {claim(leases).id for _ in range(2)} == {running.id, queued.id}


def test_leases_and_backoffs_of_full_length_are_not_reset(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec())
    leases.release(claim(leases), seconds=300)
    jobs.create(job_spec())
    claim(leases)

    leases.reset_future_leases()

    assert leases.claim() is None


def test_deletion_of_megabytes_leaves_a_small_file_and_wal(tmp_path: Path) -> None:
    storage = Storage("", tmp_path)
    jobs, leases = Jobs(storage, 100, 0), Leases(storage, 60, retention_days=0)
    for _ in range(10):
        jobs.create(job_spec())
        job = claim(leases)
        for position in range(3):
            leases.save_sentence(job, position, SentenceSound(os.urandom(2**20)))
        leases.complete(job, Digest())
    file, wal = tmp_path / "gateway.sqlite3", tmp_path / "gateway.sqlite3-wal"
    assert file.stat().st_size > 25 * 2**20
    sizes, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            sizes.append(wal.stat().st_size)

    watching = threading.Thread(target=watch)
    watching.start()
    leases.delete_expired()
    done.set()
    watching.join()

    assert file.stat().st_size < 2**20
    assert wal.stat().st_size < 2**20
    assert max(sizes) < 8 * 2**20
    storage.close()
