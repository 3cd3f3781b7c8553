import logging
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group, fail_after, to_thread
from anyio.lowlevel import checkpoint

import gateway_service.storage.database
from gateway_service.storage.database import Storage, StorageUnavailable, in_storage_thread
from gateway_service.storage.engine import StorageMisconfigured
from gateway_service.storage.tables import VoiceRow
from tests.conftest import free_port, running
from tests.support.job_fixtures import wait_until
from tests.support.mariadb_server import PASSWORD, MariaDB

PROCESSES = 3
THREADS, ROUNDS = 4, 10


def voice(voice_id: str = "voice_1") -> VoiceRow:
    return VoiceRow(
        id=voice_id,
        name="Zoë 조이 🎙",
        key=voice_id,
        embed=bytes(range(256)) * 4,
        consent="Она согласна.",
        samples=[{"seconds": 1.5, "similarity": None, "warnings": ["너무 짧아요"]}],
        created_at=2**41,
    )


@pytest.fixture
def probing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time between two probes of a failed database."""
    monkeypatch.setattr(gateway_service.storage.database, "PROBE_SECONDS", 0.0)


without_probe_wait = pytest.mark.usefixtures("probing_at_once")


def test_row_is_read_as_it_was_written(storage: Storage) -> None:
    with storage.session() as session:
        session.add(voice())
    with storage.read_session() as session:
        found = session.get_one(VoiceRow, "voice_1")
    expected = voice()
    for column in VoiceRow.__table__.columns:
        assert getattr(found, column.key) == getattr(expected, column.key)


def test_transaction_that_raises_is_rolled_back(storage: Storage) -> None:
    def fail_after_flush() -> None:
        with storage.session() as session:
            session.add(voice())
            session.flush()
            raise KeyError("voice")

    with pytest.raises(KeyError):
        fail_after_flush()
    with storage.read_session() as session:
        assert session.get(VoiceRow, "voice_1") is None


def test_concurrent_updates_are_not_lost(storage: Storage) -> None:
    with storage.session() as session:
        session.add(voice())
        session.get_one(VoiceRow, "voice_1").created_at = 0

    def increment() -> None:
        for _ in range(ROUNDS):
            with storage.session() as session:
                row = session.get_one(VoiceRow, "voice_1", with_for_update=True)
                row.created_at += 1

    threads = [threading.Thread(target=increment) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.read_session() as session:
        assert session.get_one(VoiceRow, "voice_1").created_at == THREADS * ROUNDS


def test_readers_and_a_writer_do_not_block_each_other(storage: Storage) -> None:
    with storage.read_session() as reading:
        assert reading.get(VoiceRow, "voice_1") is None
        with storage.session() as writing:
            writing.add(voice())
            writing.flush()
            assert reading.get(VoiceRow, "voice_1") is None
    with storage.read_session() as session:
        assert session.get(VoiceRow, "voice_1") is not None


def test_locked_sqlite_is_a_503_until_it_is_free(tmp_path: Path) -> None:
    with closing(Storage("", tmp_path, busy_seconds=0.05)) as storage:
        storage.migrate()
        with closing(sqlite3.connect(tmp_path / "gateway.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable) as caught, storage.session() as session:
                session.add(voice())
        assert caught.value.body()["error"]["code"] == "storage_unavailable"
        with storage.session() as session:
            session.add(voice())


@without_probe_wait
def test_killed_mariadb_is_a_503_until_it_is_back(mariadb: MariaDB, tmp_path: Path) -> None:
    with closing(Storage(mariadb.new_database(), tmp_path)) as storage:
        with storage.session() as session:
            session.add(voice())
        mariadb.kill()
        for _ in range(2):
            with pytest.raises(StorageUnavailable), storage.session() as session:
                session.add(voice("voice_2"))
        mariadb.start()
        with storage.session() as session:
            assert session.get_one(VoiceRow, "voice_1").consent == voice().consent


def test_restarted_mariadb_is_reconnected(mariadb: MariaDB, tmp_path: Path) -> None:
    with closing(Storage(mariadb.new_database(), tmp_path)) as storage:
        storage.migrate()
        mariadb.kill()
        mariadb.start()
        with storage.session() as session:
            session.add(voice())


@without_probe_wait
def test_mariadb_killed_within_a_transaction_is_a_503(mariadb: MariaDB, tmp_path: Path) -> None:
    def interrupted() -> None:
        with storage.session() as session:
            session.add(voice())
            session.flush()
            mariadb.kill()

    with closing(Storage(mariadb.new_database(), tmp_path)) as storage:
        with pytest.raises(StorageUnavailable):
            interrupted()
        mariadb.start()
        with storage.session() as session:
            assert session.get(VoiceRow, "voice_1") is None


@without_probe_wait
def test_database_that_returns_empty_is_migrated_again(mariadb: MariaDB, tmp_path: Path) -> None:
    url = mariadb.new_database()
    name = url.rpartition("/")[2]
    with closing(Storage(url, tmp_path)) as storage:
        storage.migrate()
        mariadb.kill()
        with pytest.raises(StorageUnavailable), storage.session() as session:
            session.add(voice())
        mariadb.start()
        mariadb.execute(f"DROP DATABASE {name}")
        mariadb.execute(f"CREATE DATABASE {name}")
        with storage.session() as session:
            session.add(voice())


def unresponsive_storage(port: int, folder: Path) -> Storage:
    return Storage(f"mysql://user:{PASSWORD}@127.0.0.1:{port}/voices", folder, busy_seconds=60)


def test_open_circuit_fails_without_connecting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        storage = unresponsive_storage(server.getsockname()[1], tmp_path)
        hang_up = threading.Thread(target=lambda: server.accept()[0].close())
        hang_up.start()
        for _ in range(3):
            with pytest.raises(StorageUnavailable), storage.read_session():
                pass
        hang_up.join()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()  # no second connection
        storage.close()


@without_probe_wait
def test_one_caller_probes_while_others_fail_fast(tmp_path: Path) -> None:
    def fail() -> None:
        with pytest.raises(StorageUnavailable), storage.read_session():
            pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        storage = unresponsive_storage(server.getsockname()[1], tmp_path)
        hang_up = threading.Thread(target=lambda: server.accept()[0].close())
        hang_up.start()
        fail()
        hang_up.join()
        first = threading.Thread(target=fail)
        first.start()
        pending, _ = server.accept()
        fail()
        assert first.is_alive()
        pending.close()
        first.join()
        storage.close()


@pytest.mark.anyio
async def test_unresponsive_database_does_not_occupy_other_threads() -> None:
    answered = threading.Event()
    async with create_task_group() as waiting:
        for _ in range(60):
            waiting.start_soon(in_storage_thread, lambda: answered.wait(60))
        await checkpoint()
        with fail_after(10):
            await to_thread.run_sync(lambda: None)
        answered.set()


def test_wrong_password_error_does_not_contain_the_password(
    mariadb: MariaDB, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = mariadb.new_database().replace(PASSWORD, PASSWORD + "-wrong")
    with (
        closing(Storage(url, tmp_path)) as storage,
        pytest.raises(StorageMisconfigured, match="Access denied") as caught,
    ):
        storage.migrate()
    assert PASSWORD not in str(caught.value) + caplog.text


def test_unreachable_mariadb_is_logged_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"mysql://user:{PASSWORD}@127.0.0.1:{free_port()}/voices"
    with (
        closing(Storage(url, tmp_path)) as storage,
        pytest.raises(StorageUnavailable) as caught,
        storage.session(),
    ):
        pass
    assert "127.0.0.1" in caplog.text
    assert PASSWORD not in str(caught.value) + repr(caught.value) + caplog.text


def test_wrong_password_after_startup_is_a_503(
    mariadb: MariaDB, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = mariadb.new_database().replace(PASSWORD, PASSWORD + "-wrong")
    with (
        closing(Storage(url, tmp_path)) as storage,
        pytest.raises(StorageUnavailable),
        storage.session() as session,
    ):
        session.add(voice())
    assert "Access denied" in caplog.text


def test_file_damaged_at_runtime_is_a_503(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.sqlite3"
    settings = {"DATA_DIR": str(tmp_path), "DATABASE_URL": ""}
    with (
        running("gateway", **settings) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        assert client.get("/v1/jobs").status_code == 200
        with closing(sqlite3.connect(file)) as other:  # invalidates cached pages
            other.execute("CREATE TABLE news (id INTEGER)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as damaged:
            damaged.seek(4096)
            damaged.write(b"\xa5" * (file.stat().st_size - 4096))

        for path in ("/v1/jobs", "/v1/audio/voices", "/v1/jobs/job_1", "/health/ready"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert answer.json()["error"]["code"] == "storage_damaged"
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/audio/voices/rowan").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_gateway_survives_an_outage_of_its_database(
    mariadb: MariaDB, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = mariadb.new_database()
    mariadb.kill()
    with (
        running("gateway", DATABASE_URL=url, DATA_DIR=str(tmp_path)) as gateway,
        httpx.Client(base_url=f"{gateway}/v1/audio/voices", timeout=60) as client,
    ):
        for _ in range(2):
            wait_until(lambda: client.get("").status_code == 503)
            answer = client.get("")
            assert answer.json()["error"]["code"] == "storage_unavailable"
            assert answer.headers["retry-after"]
            assert client.get("/rowan").status_code == 200
            mariadb.start()
            wait_until(lambda: client.get("").status_code == 200)
            mariadb.kill()
    assert PASSWORD not in "".join(capfd.readouterr())
