"""Alembic's migrations, run in process. One process migrates at a time; the others wait."""

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

from gateway_service.storage.engine import StorageMisconfigured, for_writing
from gateway_service.storage.sqlite_space import prepare_file
from shared.operating_system import lock_file

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 8  # for another process's migration on MariaDB
# MariaDB's error numbers: access denied to a database, to a user; unknown database.
_PERMANENT_ERRORS = {1044, 1045, 1049}
_SQLITE_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


class DatabaseDamaged(StorageMisconfigured):
    """The SQLite file is corrupt, or is not a database."""


def upgrade(engine: Engine) -> None:
    """Upgrade the tables to the latest revision.

    Raises sqlalchemy.exc.OperationalError while the database is unreachable or its disk is full,
    and StorageMisconfigured for errors that waiting does not resolve.
    """
    is_sqlite = engine.dialect.name == "sqlite"
    file = Path(engine.url.database or "")
    try:
        with _sqlite_lock(file) if is_sqlite else _mariadb_lock(engine):
            _run(engine)
    except CommandError as error:
        raise StorageMisconfigured(
            f"the database has tables of a newer program ({error}); run that program, or set "
            "DATABASE_URL or DATA_DIR to another database"
        ) from None
    except exc.DatabaseError as error:
        if is_sqlite and _is_not_writable(error.orig, file):
            raise _not_writable(file, str(error.orig)) from None
        number = error.orig.args[0] if error.orig and error.orig.args else None
        if isinstance(error, exc.OperationalError) and number not in _PERMANENT_ERRORS:
            raise
        kind = DatabaseDamaged if is_sqlite else StorageMisconfigured
        raise kind(
            f"the database cannot be used ({error.orig}); check DATABASE_URL and DATA_DIR"
        ) from None


def _run(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with for_writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _require_writable(file: Path) -> None:
    """Check at once: SQLite itself reports a read-only file only when it writes the first row."""
    try:
        with suppress(FileNotFoundError):
            file.open("r+b").close()
    except OSError as error:
        raise _not_writable(file, error.strerror) from None


def _not_writable(path: Path, reason: str | None) -> StorageMisconfigured:
    return StorageMisconfigured(
        f"{path} cannot be written to ({reason}); grant this user write access, or set DATA_DIR to "
        "a writable folder, or DATABASE_URL to a MySQL or MariaDB"
    )


def _is_not_writable(error: BaseException | None, file: Path) -> bool:
    """False on a full disk, where SQLite cannot create its journal either."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary result code
    return code in _SQLITE_NOT_WRITABLE and shutil.disk_usage(file.parent).free > 0


@contextmanager
def _sqlite_lock(file: Path) -> Iterator[None]:
    """Hold a lock file beside the database, and set the database's modes."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(file.name + ".lock").open("w")
    except OSError as error:
        raise _not_writable(file.parent, error.strerror) from None
    with lock:
        lock_file(lock)
        _require_writable(file)
        try:
            prepare_file(file)
        except sqlite3.DatabaseError as error:  # raise SQLAlchemy's, like all other calls
            raise exc.DBAPIError.instance(None, None, error, sqlite3.Error) from None
        yield


@contextmanager
def _mariadb_lock(engine: Engine) -> Iterator[None]:
    """Hold a named lock on a connection, so that it ends with the process.

    Such names are shared by all databases of the server.
    """
    database = hashlib.sha256((engine.url.database or "").encode()).hexdigest()[:16]
    lock = {"name": f"better_api_{database}", "seconds": _LOCK_SECONDS}
    with engine.connect() as connection:
        got = connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), lock)
        if got != 1:
            raise exc.TimeoutError("another process has not finished its migration")
        try:
            yield
        finally:
            with suppress(exc.DBAPIError):
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), lock)
