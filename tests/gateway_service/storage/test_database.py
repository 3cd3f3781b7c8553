import logging
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from anyio import create_task_group, fail_after, to_thread
from anyio.lowlevel import checkpoint
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

import gateway_service.storage.database
from gateway_service.storage import sqlite_space
from gateway_service.storage.database import Storage, StorageUnavailable, in_storage_thread
from gateway_service.storage.engine import StorageMisconfigured
from gateway_service.storage.tables import Base, VoiceRow
from tests.conftest import REPOSITORY, free_port, running
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
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that was away is asked again at once."""
    monkeypatch.setattr(gateway_service.storage.database, "PROBE_SECONDS", 0.0)


restless_storage = pytest.mark.usefixtures("restless")


@contextmanager
def inspecting(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_migrations_make_the_tables_of_the_mappings(storage: Storage, database_url: str) -> None:
    storage.migrate()
    with inspecting(database_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_processes_that_start_at_once_migrate_one_at_a_time(
    database_url: str, tmp_path: Path
) -> None:
    program = (
        "import sys, pathlib; from gateway_service.storage.database import Storage\n"
        "storage = Storage(sys.argv[1], pathlib.Path(sys.argv[2])); print('go', flush=True)\n"
        "sys.stdin.readline(); storage.migrate(); storage.read_session().__enter__()"
    )
    command = [sys.executable, "-c", program, database_url, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [
        subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes)  # type: ignore[call-overload]
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdout.readline() == "go\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, errors


def test_rows_come_back_as_they_were_written(storage: Storage) -> None:
    with storage.session() as session:
        session.add(voice())
    with storage.read_session() as session:
        found = session.get_one(VoiceRow, "voice_1")
    expected = voice()
    for column in VoiceRow.__table__.columns:
        assert getattr(found, column.key) == getattr(expected, column.key)


def test_transaction_that_raises_leaves_nothing(storage: Storage) -> None:
    def half_done() -> None:
        with storage.session() as session:
            session.add(voice())
            session.flush()
            raise KeyError("voice")

    with pytest.raises(KeyError):
        half_done()
    with storage.read_session() as session:
        assert session.get(VoiceRow, "voice_1") is None


def test_transactions_that_read_and_then_write_lose_nothing(storage: Storage) -> None:
    with storage.session() as session:
        session.add(voice())
        session.get_one(VoiceRow, "voice_1").created_at = 0

    def count() -> None:
        for _ in range(ROUNDS):
            with storage.session() as session:
                row = session.get_one(VoiceRow, "voice_1", with_for_update=True)
                row.created_at += 1

    threads = [threading.Thread(target=count) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.read_session() as session:
        assert session.get_one(VoiceRow, "voice_1").created_at == THREADS * ROUNDS


def test_readers_and_a_writer_do_not_wait_for_each_other(storage: Storage) -> None:
    with storage.read_session() as reading:
        assert reading.get(VoiceRow, "voice_1") is None
        with storage.session() as writing:
            writing.add(voice())
            writing.flush()
            assert reading.get(VoiceRow, "voice_1") is None
    with storage.read_session() as session:
        assert session.get(VoiceRow, "voice_1") is not None


def test_busy_sqlite_is_a_503_until_it_is_free(tmp_path: Path) -> None:
    with closing(Storage("", tmp_path, busy_seconds=0.05)) as storage:
        storage.migrate()
        with closing(sqlite3.connect(tmp_path / "gateway.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable) as caught, storage.session() as session:
                session.add(voice())
        assert caught.value.body()["error"]["code"] == "storage_unavailable"
        with storage.session() as session:
            session.add(voice())


@restless_storage
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


def test_mariadb_that_went_and_came_unnoticed_is_used_again(
    mariadb: MariaDB, tmp_path: Path
) -> None:
    with closing(Storage(mariadb.new_database(), tmp_path)) as storage:
        storage.migrate()
        mariadb.kill()
        mariadb.start()
        with storage.session() as session:
            session.add(voice())


@restless_storage
def test_mariadb_killed_within_a_transaction_is_a_503(mariadb: MariaDB, tmp_path: Path) -> None:
    def broken_off() -> None:
        with storage.session() as session:
            session.add(voice())
            session.flush()
            mariadb.kill()

    with closing(Storage(mariadb.new_database(), tmp_path)) as storage:
        with pytest.raises(StorageUnavailable):
            broken_off()
        mariadb.start()
        with storage.session() as session:
            assert session.get(VoiceRow, "voice_1") is None


@restless_storage
def test_database_that_comes_back_empty_is_migrated_again(mariadb: MariaDB, tmp_path: Path) -> None:
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


def silent_storage(port: int, folder: Path) -> Storage:
    return Storage(f"mysql://user:{PASSWORD}@127.0.0.1:{port}/voices", folder, busy_seconds=60)


def test_database_that_is_away_is_left_alone_for_a_while(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        storage = silent_storage(server.getsockname()[1], tmp_path)
        hang_up = threading.Thread(target=lambda: server.accept()[0].close())
        hang_up.start()
        for _ in range(3):
            with pytest.raises(StorageUnavailable), storage.read_session():
                pass
        hang_up.join()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()  # nobody has called again
        storage.close()


@restless_storage
def test_one_caller_looks_whether_it_is_back_and_no_other_waits_for_that(tmp_path: Path) -> None:
    def look() -> None:
        with pytest.raises(StorageUnavailable), storage.read_session():
            pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        storage = silent_storage(server.getsockname()[1], tmp_path)
        hang_up = threading.Thread(target=lambda: server.accept()[0].close())
        hang_up.start()
        look()
        hang_up.join()
        first = threading.Thread(target=look)
        first.start()
        silent, _ = server.accept()
        look()
        assert first.is_alive()
        silent.close()
        first.join()
        storage.close()


@pytest.mark.anyio
async def test_callers_of_a_silent_database_leave_other_work_its_threads() -> None:
    answered = threading.Event()
    async with create_task_group() as waiting:
        for _ in range(60):
            waiting.start_soon(in_storage_thread, lambda: answered.wait(60))
        await checkpoint()
        with fail_after(10):
            await to_thread.run_sync(lambda: None)
        answered.set()


def test_wrong_password_is_named_without_it(
    mariadb: MariaDB, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = mariadb.new_database().replace(PASSWORD, PASSWORD + "-wrong")
    with (
        closing(Storage(url, tmp_path)) as storage,
        pytest.raises(StorageMisconfigured, match="Access denied") as caught,
    ):
        storage.migrate()
    assert PASSWORD not in str(caught.value) + caplog.text


def test_absent_mariadb_is_told_without_its_password(
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


def test_wrong_password_found_after_the_start_is_a_503(
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


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        closing(Storage("", tmp_path / "file" / "data")) as storage,
        pytest.raises(StorageMisconfigured, match="file/data cannot be written"),
    ):
        storage.migrate()


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.sqlite3").write_text("Dear diary, today nothing happened at all.\n" * 99)
    with (
        closing(Storage("", tmp_path)) as storage,
        pytest.raises(StorageMisconfigured, match="not a database"),
    ):
        storage.migrate()


@pytest.mark.parametrize("noted", ["0001", "0002"])
def test_migration_that_broke_off_before_it_was_noted_is_repeated(
    storage: Storage, database_url: str, noted: str
) -> None:
    storage.migrate()
    with inspecting(database_url) as engine, engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{noted}'"))
    with closing(Storage(database_url, Path())) as again:
        again.migrate()


def test_file_shrinks_when_space_is_given_back(tmp_path: Path) -> None:
    file = tmp_path / "gateway.sqlite3"
    with closing(Storage("", tmp_path)) as storage:
        with storage.session() as session:
            session.execute(text("CREATE TABLE sounds (sound BLOB)"))
            session.execute(text("INSERT INTO sounds VALUES (randomblob(2000000))"))
        with storage.session() as session:
            session.execute(text("DELETE FROM sounds"))
        storage.reclaim_space()
        with storage.read_session() as session:
            assert session.scalar(text("PRAGMA freelist_count")) == 0
    assert file.stat().st_size < 500_000


def test_file_of_an_older_version_shrinks_too(tmp_path: Path) -> None:
    file = tmp_path / "gateway.sqlite3"
    with closing(Storage("", tmp_path)) as storage, storage.session() as session:
        session.execute(text("CREATE TABLE sounds (sound BLOB)"))
        session.execute(text("INSERT INTO sounds VALUES (randomblob(2000000))"))
    with closing(sqlite3.connect(file)) as older:
        older.execute("PRAGMA auto_vacuum = NONE")
        older.execute("VACUUM")
        assert older.execute("PRAGMA auto_vacuum").fetchone() == (0,)

    with closing(Storage("", tmp_path)) as storage:
        with storage.session() as session:
            session.execute(text("DELETE FROM sounds"))
        storage.reclaim_space()

    assert file.stat().st_size < 500_000


def test_older_file_that_is_too_large_to_be_rebuilt_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(tmp_path / "gateway.sqlite3")) as older:
        older.execute("PRAGMA auto_vacuum = NONE")
        older.execute("CREATE TABLE sounds (sound BLOB)")
    monkeypatch.setattr(sqlite_space, "MAX_REBUILD_BYTES", 0)

    with closing(Storage("", tmp_path)) as storage:
        storage.migrate()
        storage.reclaim_space()

    assert "too large to be rebuilt" in caplog.text


@pytest.fixture
def read_only_file(small_disk: Path) -> Iterator[Path]:
    """A migrated database that root cannot write to either."""
    with closing(Storage("", small_disk)) as storage:
        storage.migrate()
    file = str(small_disk / "gateway.sqlite3")
    subprocess.run(["mount", "--bind", file, file], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", file], check=True)
    yield small_disk
    subprocess.run(["umount", "--lazy", file], check=True)


def test_file_that_is_read_only_is_named(read_only_file: Path) -> None:
    with (
        closing(Storage("", read_only_file)) as storage,
        pytest.raises(
            StorageMisconfigured, match=r"gateway\.sqlite3 cannot be written to"
        ) as caught,
    ):
        storage.migrate()
    assert "\n" not in str(caught.value)


def test_file_that_is_damaged_meanwhile_is_a_503_by_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.sqlite3"
    settings = {"DATA_DIR": str(tmp_path), "DATABASE_URL": ""}
    with (
        running("gateway", **settings) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        assert client.get("/v1/jobs").status_code == 200
        with closing(sqlite3.connect(file)) as other:  # so that nothing stands in a cache
            other.execute("CREATE TABLE news (id INTEGER)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as garbled:
            garbled.seek(4096)
            garbled.write(b"\xa5" * (file.stat().st_size - 4096))

        for path in ("/v1/jobs", "/v1/audio/voices", "/v1/jobs/job_1", "/health/ready"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert answer.json()["error"]["code"] == "storage_damaged"
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/audio/voices/rowan").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_tables_of_a_newer_program_are_left_alone(storage: Storage, database_url: str) -> None:
    storage.migrate()
    with inspecting(database_url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with (
        closing(Storage(database_url, Path())) as older,
        pytest.raises(StorageMisconfigured, match="newer program"),
    ):
        older.migrate()


def test_gateway_outlives_its_database(
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
