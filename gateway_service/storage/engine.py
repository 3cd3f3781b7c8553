"""The SQLAlchemy engine for DATABASE_URL: SQLite, MySQL or MariaDB."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from gateway_service.storage.sqlite_space import MAX_WAL_BYTES
from shared.http.startup_errors import StartupError

_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mysql2": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "sqlite": "sqlite",
}
_IGNORED_PARAMETERS = ["reconnect"]  # Heroku's ClearDB adds it; the connection pool reconnects
_CONNECT_SECONDS = 5
_RESPONSE_SECONDS = 10  # for one statement, or the greeting of a new connection
_MARIADB_OPTIONS: dict[str, Any] = {
    "isolation_level": "READ COMMITTED",
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _RESPONSE_SECONDS,
        "write_timeout": _RESPONSE_SECONDS,
    },
}


class StorageMisconfigured(StartupError):
    """A setting of the storage that only its operator can correct.

    The message never contains a password.
    """


def parse_database_url(url: str, data_dir: Path) -> URL:
    """Normalise DATABASE_URL to a URL that SQLAlchemy opens.

    url: mysql://user:password@host/database (or mariadb://, or with +pymysql), sqlite:///path,
    or "" for the SQLite file in `data_dir`.

    Raises StorageMisconfigured.
    """
    if not url:
        return URL.create("sqlite", database=str(data_dir / "gateway.sqlite3"))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _invalid_url("cannot be parsed") from None
    if parsed.drivername not in _DRIVERS:
        raise _invalid_url("does not name SQLite, MySQL or MariaDB")
    if not parsed.database or parsed.database == ":memory:":
        raise _invalid_url("has no database name")
    if "@" in (parsed.host or ""):
        raise _invalid_url("has an unencoded @ in its user or password")
    parsed = parsed.difference_update_query(_IGNORED_PARAMETERS)
    return parsed.set(drivername=_DRIVERS[parsed.drivername])


def _invalid_url(problem: str) -> StorageMisconfigured:
    return StorageMisconfigured(
        f"DATABASE_URL {problem}; write mysql+pymysql://user:password@host:3306/database with the "
        "special characters of the password percent-encoded (@ is %40), or unset it for SQLite"
    )


def open_engine(url: URL, connections: int, busy_seconds: float) -> Engine:
    """Create an engine with a pool of at most `connections`. Nothing connects yet.

    busy_seconds: how long to wait for a free connection, and on SQLite for another transaction.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_seconds,
        hide_parameters=True,
        **({"connect_args": {"timeout": busy_seconds}} if is_sqlite else _MARIADB_OPTIONS),
    )
    if is_sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def for_reading(engine: Engine) -> Engine:
    """The same engine, with transactions that only read."""
    return engine.execution_options(begin="BEGIN")


def for_writing(engine: Engine) -> Engine:
    """The same engine, with transactions that may write.

    On SQLite they take the write lock when they begin. SQLite refuses to upgrade a transaction that
    has read if another one has written since.
    """
    return engine.execution_options(begin="BEGIN IMMEDIATE")


def _configure_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # `_begin_sqlite` begins the transactions, not the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")


def _begin_sqlite(connection: Connection) -> None:
    if statement := connection.get_execution_options().get("begin"):
        connection.exec_driver_sql(statement)
