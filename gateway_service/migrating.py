"""Alembic's migrations, run in process by whoever comes first; the others wait."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, exc, text

from gateway_service.database_url import StorageMisconfigured

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 8  # that MariaDB is asked to wait for another process's migration
# MariaDB's numbers: access denied to a database, to a user; no such database.
_WRONG_FOR_GOOD = {1044, 1045, 1049}


def upgrade(engine: Engine) -> None:
    """Raises sqlalchemy.exc.OperationalError while the database is away, StorageMisconfigured for
    what stays wrong."""
    is_sqlite = engine.dialect.name == "sqlite"
    try:
        with _sqlite_lock(engine) if is_sqlite else _mariadb_lock(engine):
            _run(engine)
    except CommandError as error:
        raise StorageMisconfigured(
            f"the database's tables are of a newer program ({error}); run that one, or set "
            "DATABASE_URL or DATA_DIR to another database"
        ) from None
    except exc.DatabaseError as error:
        number = error.orig.args[0] if error.orig and error.orig.args else None
        if isinstance(error, exc.OperationalError) and number not in _WRONG_FOR_GOOD:
            raise
        raise StorageMisconfigured(
            f"the database cannot be used ({error.orig}); look at DATABASE_URL and DATA_DIR"
        ) from None


def _run(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _sqlite_lock(engine: Engine) -> Iterator[None]:
    """Held by a file beside the database's, which is put into WAL mode."""
    file = Path(engine.url.database or "")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(file.name + ".lock").open("w")
    except OSError as error:
        raise StorageMisconfigured(
            f"{file.parent} cannot be written to ({error.strerror}); set DATA_DIR to a folder that "
            "can, or DATABASE_URL to a MySQL or MariaDB"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with engine.connect() as connection:
            # This one for a new file alone, before anything is written to it.
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
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
