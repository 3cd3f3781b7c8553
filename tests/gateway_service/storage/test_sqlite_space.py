import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway_service.storage import sqlite_space
from gateway_service.storage.database import Storage
from gateway_service.storage.sqlite_space import DiskSpace


def test_file_shrinks_when_space_is_reclaimed(tmp_path: Path) -> None:
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


def test_older_file_that_is_too_large_to_be_rebuilt_is_used_unchanged(
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


def test_reserve_is_an_eighth_of_the_minimum_and_can_be_released(tmp_path: Path) -> None:
    disk = DiskSpace(tmp_path / "gateway.sqlite3", min_free_bytes=80_000)
    reserve = tmp_path / "gateway.sqlite3.reserve"
    assert not disk.is_low()

    for _ in range(2):
        disk.create_reserve()
        assert reserve.stat().st_size == 10_000

    disk.release_reserve()
    assert not reserve.exists()


def test_space_below_the_minimum_is_low_and_gets_no_reserve(tmp_path: Path) -> None:
    disk = DiskSpace(tmp_path / "gateway.sqlite3", min_free_bytes=2**62)

    disk.create_reserve()

    assert disk.is_low()
    assert not disk.is_exhausted()
    assert not (tmp_path / "gateway.sqlite3.reserve").exists()
