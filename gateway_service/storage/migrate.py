"""Alembic's migrations, run in process by whoever comes first; the others wait."""

import fcntl
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, exc, text

from gateway_service.storage import sqlite_space
from gateway_service.storage.database_url import StorageMisconfigured

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 8  # that MariaDB is asked to wait for another process's migration
# MariaDB's numbers: access denied to a database, to a user; no such database.
_WRONG_FOR_GOOD = {1044, 1045, 1049}
_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


class DatabaseDamaged(StorageMisconfigured):
    """The SQLite file is no database, or no longer."""


def upgrade(engine: Engine) -> None:
    """Raises sqlalchemy.exc.OperationalError while the database is away or its disk is full,
    StorageMisconfigured for what stays wrong."""
    is_sqlite = engine.dialect.name == "sqlite"
    file = Path(engine.url.database or "")
    try:
        with _sqlite_lock(file) if is_sqlite else _mariadb_lock(engine):
            _run(engine)
    except CommandError as error:
        raise StorageMisconfigured(
            f"the database's tables are of a newer program ({error}); run that one, or set "
            "DATABASE_URL or DATA_DIR to another database"
        ) from None
    except exc.DatabaseError as error:
        if is_sqlite and _is_not_writable(error.orig, file):
            raise _not_writable(file, str(error.orig)) from None
        number = error.orig.args[0] if error.orig and error.orig.args else None
        if isinstance(error, exc.OperationalError) and number not in _WRONG_FOR_GOOD:
            raise
        kind = DatabaseDamaged if is_sqlite else StorageMisconfigured
        raise kind(
            f"the database cannot be used ({error.orig}); look at DATABASE_URL and DATA_DIR"
        ) from None


def _run(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _require_writable(file: Path) -> None:
    """SQLite itself finds out no sooner than with the first row."""
    try:
        with suppress(FileNotFoundError):
            file.open("r+b").close()
    except OSError as error:
        raise _not_writable(file, error.strerror) from None


def _not_writable(path: Path, reason: str | None) -> StorageMisconfigured:
    return StorageMisconfigured(
        f"{path} cannot be written to ({reason}); give this user the right to, or set DATA_DIR to "
        "a folder that can, or DATABASE_URL to a MySQL or MariaDB"
    )


def _is_not_writable(error: BaseException | None, file: Path) -> bool:
    """Rather than on a full disk, where SQLite cannot make the files beside it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what SQLite adds to it
    return code in _NOT_WRITABLE and shutil.disk_usage(file.parent).free > 0


@contextmanager
def _sqlite_lock(file: Path) -> Iterator[None]:
    """Held by a file beside the database's, whose modes are set meanwhile."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(file.name + ".lock").open("w")
    except OSError as error:
        raise _not_writable(file.parent, error.strerror) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _require_writable(file)
        try:
            sqlite_space.prepare(file)
        except sqlite3.DatabaseError as error:  # as SQLAlchemy's, like all others
            raise exc.DBAPIError.instance(None, None, error, sqlite3.Error) from None
        yield


@contextmanager
def _mariadb_lock(engine: Engine) -> Iterator[None]:
    """Held by a connection, so that it goes with the process. Its name is the server's, not the
    database's."""
    of_database = hashlib.sha256((engine.url.database or "").encode()).hexdigest()[:16]
    lock = {"name": f"better_api_{of_database}", "seconds": _LOCK_SECONDS}
    with engine.connect() as connection:
        got = connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), lock)
        if got != 1:
            raise exc.TimeoutError("another process migrates for long")
        try:
            yield
        finally:
            with suppress(exc.DBAPIError):
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), lock)
