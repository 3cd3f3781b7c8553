"""Fixtures of the gateway's tests: SQLite and MariaDB databases, a Redis, a small disk."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_service.storage.database import Storage
from tests.support.job_fixtures import jobs, leases
from tests.support.job_processes import RedisServer
from tests.support.mariadb_server import MariaDB

__all__ = ["jobs", "leases"]


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("mariadbd is not on the PATH")
    server = MariaDB(tmp_path_factory.mktemp("mariadb"))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def mariadb(mariadb_server: MariaDB) -> MariaDB:
    """The session's server, restarted if an earlier test killed it."""
    mariadb_server.start()
    return mariadb_server


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The DATABASE_URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.sqlite3"
    server: MariaDB = request.getfixturevalue("mariadb")
    return server.new_database()


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def database_url_of_module(request: pytest.FixtureRequest) -> str:
    """Like `database_url`, for a whole module; "" for a SQLite file in DATA_DIR."""
    if request.param == "sqlite":
        return ""
    server: MariaDB = request.getfixturevalue("mariadb_server")
    server.start()
    return server.new_database()


@pytest.fixture
def storage(database_url: str, tmp_path: Path) -> Iterator[Storage]:
    storage = Storage(database_url, tmp_path)
    yield storage
    storage.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not on the PATH")
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
