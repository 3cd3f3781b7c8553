"""A full disk: stored data can be read and deleted, and errors name the cause."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import Digest, SentenceSound
from gateway_service.jobs.store import Jobs
from gateway_service.storage.database import Storage, StorageFull
from gateway_service.voices.library import VoiceLibrary
from tests.conftest import running
from tests.support.job_fixtures import claim, finish, job_spec, wait_until
from tests.support.stub_services import StubServices, stub_embed

MIB = 2**20
MIN_FREE_BYTES = 24 * MIB


def fill(disk: Path) -> Path:
    """Create a file that takes all free space."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(MIB // 16)):
            pass
    return filler


@pytest.fixture
def storage(small_disk: Path) -> Iterator[Storage]:
    storage = Storage("", small_disk, min_free_bytes=MIN_FREE_BYTES)
    storage.migrate()
    storage.create_reserve()
    yield storage
    storage.close()


def test_stored_data_is_read_and_deleted_on_a_full_disk(small_disk: Path, storage: Storage) -> None:
    jobs, leases = Jobs(storage, 10, 1), Leases(storage, 60, 1)
    jobs.create(job_spec())
    finished = finish(leases)
    waiting = jobs.create(job_spec())
    filler = fill(small_disk)

    with closing(Storage("", small_disk, min_free_bytes=MIN_FREE_BYTES)) as reopened:
        for opened in (storage, reopened):
            jobs = Jobs(opened, 10, 1)
            assert len(jobs.newest(10)) >= 1
            with pytest.raises(StorageFull):
                jobs.create(job_spec())
            with pytest.raises(StorageFull):
                VoiceLibrary(opened).add("mine", stub_embed(), "yes", [])
            with pytest.raises(StorageFull):
                opened.check_ready()
        Jobs(storage, 10, 1).delete(finished.id)
        Jobs(reopened, 10, 1).cancel(waiting.id)
    leases.delete_expired()
    assert [job.id for job in jobs.newest(10)] == [waiting.id]

    filler.unlink()

    storage.check_ready()
    storage.create_reserve()
    Jobs(storage, 10, 1).create(job_spec())


def test_jobs_are_rejected_before_the_disk_is_full(small_disk: Path, storage: Storage) -> None:
    (small_disk / "other").write_bytes(bytes(30 * MIB))

    with pytest.raises(StorageFull) as caught:
        Jobs(storage, 10, 1).create(job_spec())

    assert caught.value.body()["error"]["code"] == "storage_full"
    assert "disk" in caught.value.message


def test_write_that_fills_the_disk_does_not_stop_reads_and_deletions(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Storage("", small_disk)) as storage:  # without a minimum of free space
        with storage.session() as session:
            session.execute(text("CREATE TABLE sounds (sound BLOB)"))
        filler = fill(small_disk)

        for _ in range(2):
            with pytest.raises(StorageFull), storage.session() as session:
                session.execute(text(f"INSERT INTO sounds VALUES (randomblob({MIB}))"))
            with storage.read_session() as session:
                assert session.scalar(text("SELECT count(*) FROM sounds")) == 0

        filler.unlink()
        with storage.session() as session:
            session.execute(text(f"INSERT INTO sounds VALUES (randomblob({MIB}))"))
    assert "disk is full" in caplog.text


def test_megabytes_are_deleted_on_a_full_disk(small_disk: Path, storage: Storage) -> None:
    jobs, leases = Jobs(storage, 10, 1), Leases(storage, 60, 1)
    for _ in range(2):
        jobs.create(job_spec())
        job = claim(leases)
        for position in range(3):
            leases.save_sentence(job, position, SentenceSound(bytes(2 * MIB)))
        leases.complete(job, Digest())
    fill(small_disk)

    for job in jobs.newest(10):
        jobs.delete(job.id)
    leases.delete_expired()

    assert (small_disk / "gateway.sqlite3").stat().st_size < MIB


def test_gateway_reports_a_full_disk_and_recovers(
    small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "DATA_DIR": str(small_disk),
        "DATABASE_URL": "",
        "MIN_FREE_BYTES": str(MIN_FREE_BYTES),
    }
    body = {"input": "One.", "voice": "rowan"}
    with (
        StubServices() as services,
        running("gateway", **services.environment, **settings) as url,
        httpx.Client(base_url=url, timeout=60) as gateway,
    ):
        created = gateway.post("/v1/jobs", json=body).raise_for_status().json()
        path = f"/v1/jobs/{created['id']}"
        wait_until(lambda: gateway.get(path).json()["state"] == "completed")
        wait_until((small_disk / "gateway.sqlite3.reserve").exists)
        filler = fill(small_disk)

        for rejected in (gateway.post("/v1/jobs", json=body), gateway.get("/health/ready")):
            assert rejected.status_code == 503
            assert rejected.json()["error"]["code"] == "storage_full"
        assert gateway.get(f"{path}/audio").status_code == 200
        assert gateway.get("/metrics").status_code == 200
        assert gateway.delete(path).status_code == 200
        assert gateway.get(path).status_code == 404

        filler.unlink()

        wait_until(lambda: gateway.get("/health/ready").status_code == 200)
        created = gateway.post("/v1/jobs", json=body).raise_for_status().json()
        wait_until(lambda: gateway.get(f"/v1/jobs/{created['id']}").json()["state"] == "completed")
    assert "Traceback" not in capfd.readouterr().err
