import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from gateway_service.storage.database import Storage
from gateway_service.storage.engine import StorageMisconfigured
from tests.conftest import REPOSITORY

PROCESSES = 3


@contextmanager
def inspecting(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_processes_that_start_together_migrate_one_at_a_time(
    database_url: str, tmp_path: Path
) -> None:
    program = (
        "import sys, pathlib; from gateway_service.storage.database import Storage\n"
        "storage = Storage(sys.argv[1], pathlib.Path(sys.argv[2])); print('go', flush=True)\n"
        "sys.stdin.readline(); storage.migrate(); storage.read_session().__enter__()"
    )
    command = [sys.executable, "-c", program, database_url, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [
        subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes)  # type: ignore[call-overload]
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout.readline() == "go\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, errors


@pytest.mark.parametrize("recorded", ["0001", "0002"])
def test_interrupted_migration_is_repeated(
    storage: Storage, database_url: str, recorded: str
) -> None:
    storage.migrate()
    with inspecting(database_url) as engine, engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{recorded}'"))
    with closing(Storage(database_url, Path())) as again:
        again.migrate()


def test_tables_of_a_newer_program_are_not_changed(storage: Storage, database_url: str) -> None:
    storage.migrate()
    with inspecting(database_url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with (
        closing(Storage(database_url, Path())) as older,
        pytest.raises(StorageMisconfigured, match="newer program"),
    ):
        older.migrate()


def test_read_only_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        closing(Storage("", tmp_path / "file" / "data")) as storage,
        pytest.raises(StorageMisconfigured, match="file/data cannot be written"),
    ):
        storage.migrate()


def test_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.sqlite3").write_text("Dear diary, today nothing happened at all.\n" * 99)
    with (
        closing(Storage("", tmp_path)) as storage,
        pytest.raises(StorageMisconfigured, match="not a database"),
    ):
        storage.migrate()


@pytest.fixture
def read_only_file(small_disk: Path) -> Iterator[Path]:
    """A migrated database that even root cannot write to."""
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
