"""The sound of a job: encoded once, stored in blocks, deleted with the job."""

from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, func, select, text

from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import BLOCK_BYTES, SentenceSound, split_into_blocks
from gateway_service.jobs.store import Jobs
from gateway_service.speech.flac import encode_flac
from gateway_service.storage import migrate
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow, SentenceRow, SoundRow
from shared.http.errors import NotFound, QueueFull
from tests.support.job_fixtures import claim, encoded, finish, job_spec, samples_of

FILE = bytes(range(256)) * 1024


def spoken(jobs: Jobs, leases: Leases) -> JobRow:
    """A job with all its sentences finished, not encoded yet."""
    jobs.create(job_spec())
    job = claim(leases)
    for position in range(job.sentences):
        assert leases.save_sentence(job, position, SentenceSound(encode_flac(samples_of(position))))
    return job


def blocks_of(storage: Storage, job_id: str) -> int:
    with storage.read_session() as session:
        query = select(func.count()).where(SoundRow.job_id == job_id)
        return session.scalar(query) or 0


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 5])
@pytest.mark.parametrize("part", [7_000, 200_000])
def test_blocks_hold_the_bytes_of_all_parts(size: int, part: int) -> None:
    data = np.arange(size, dtype=np.uint8).tobytes()
    parts = [data[start : start + part] for start in range(0, size, part)]
    blocks = [*split_into_blocks(parts)]
    assert b"".join(blocks) == data
    assert {len(block) for block in blocks[:-1]} <= {BLOCK_BYTES}
    assert all(blocks)


def test_sentences_are_heard_in_their_order(jobs: Jobs, leases: Leases) -> None:
    job = spoken(jobs, leases)
    sound = np.concatenate([*jobs.sounds.sentences(job)])
    assert np.array_equal(sound, np.concatenate([samples_of(i) for i in range(3)]))
    assert jobs.sounds.length(job) == len(sound) == 3 * 160


def test_job_that_waits_for_its_encoding_does_not_count_as_waiting(
    storage: Storage, leases: Leases
) -> None:
    jobs = Jobs(storage, max_waiting=1, retention_days=1)
    spoken(jobs, leases)
    jobs.create(job_spec())
    with pytest.raises(QueueFull):
        jobs.create(job_spec())


def test_encoded_file_replaces_the_sentences(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    job = spoken(jobs, leases)
    leases.complete(job, encoded(leases, job, FILE))
    jobs.sounds.delete_sentences(job)

    completed = jobs.find(job.id)
    assert (completed.status, completed.sound_bytes) == ("completed", len(FILE))
    blocks = [jobs.sounds.block(job.id, i) for i in range(len(FILE) // BLOCK_BYTES)]
    assert b"".join(blocks) == FILE
    with storage.read_session() as session:
        rows = session.execute(select(SentenceRow.text, SentenceRow.sound)).all()
    assert [sound for _, sound in rows] == [None] * 3
    assert all(text for text, _ in rows)


@pytest.mark.parametrize("end", ["deleted", "cancelled"])
def test_encoded_file_is_deleted_with_its_job(
    jobs: Jobs, leases: Leases, storage: Storage, end: str
) -> None:
    job = spoken(jobs, leases)
    digest = encoded(leases, job, FILE)
    if end == "cancelled":  # during its encoding
        jobs.cancel(job.id)
    else:
        leases.complete(job, digest)
    jobs.delete(job.id)
    leases.delete_expired()

    assert blocks_of(storage, job.id) == 0
    with pytest.raises(NotFound):
        jobs.sounds.block(job.id, 0)
    with pytest.raises(NotFound):
        next(jobs.sounds.sentences(job))


def test_worker_without_the_lease_deletes_no_blocks(jobs: Jobs, storage: Storage) -> None:
    leases = Leases(storage, seconds=0, retention_days=1)
    loser = spoken(jobs, leases)
    owner = claim(leases)
    digest = encoded(leases, owner, FILE)

    assert not leases.delete_blocks(loser)
    assert not leases.complete(loser, digest)
    assert leases.complete(owner, digest)
    assert not leases.delete_blocks(loser)

    assert blocks_of(storage, owner.id) == len(FILE) // BLOCK_BYTES


def test_blocks_of_an_interrupted_encoding_are_deleted(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    job = spoken(jobs, leases)
    for position in range(230):  # more than one transaction
        assert leases.save_block(job, position, b"block")
    assert leases.delete_blocks(job)
    assert blocks_of(storage, job.id) == 0


def test_blocks_of_another_job_are_not_deleted(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(job_spec())
    other = finish(leases)
    job = spoken(jobs, leases)
    encoded(leases, job, FILE)

    jobs.sounds.delete_blocks(job.id)

    assert (blocks_of(storage, job.id), blocks_of(storage, other.id)) == (0, 1)


OLD_JOB = """INSERT INTO jobs (id, status, created_at, expires_at, voice, embed, response_format,
speed, seed, preview, sentences, done, attempts) VALUES ('job_old', 'completed', 5, 1, 'rowan', '',
'wav', 1.0, 7, 'One.', 1, 1, 0)"""
OLD_SENTENCE = "INSERT INTO job_sentences VALUES ('job_old', 0, 'One.', 0.0, :sound)"


def test_job_of_an_older_version_is_encoded_by_a_worker(
    database_url: str, storage: Storage, jobs: Jobs, leases: Leases
) -> None:
    engine, config = create_engine(database_url), Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text(OLD_JOB))
        connection.execute(text(OLD_SENTENCE), {"sound": encode_flac(samples_of(0))})
    engine.dispose()

    job = claim(leases)

    assert (job.id, job.done) == ("job_old", 1)
    assert [len(sound) for sound in jobs.sounds.sentences(job)] == [160]
    leases.complete(job, encoded(leases, job, FILE))
    completed = jobs.find(job.id)
    assert (completed.status, completed.sound_bytes) == ("completed", len(FILE))
