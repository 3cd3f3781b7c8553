"""DATABASE_URL as people and hosts write it, made one that SQLAlchemy opens."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.http.startup_errors import StartupError

_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mysql2": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "sqlite": "sqlite",
}
_OF_OTHER_DRIVERS = ["reconnect"]  # as Heroku's ClearDB writes; a pool of connections does that


class StorageMisconfigured(StartupError):
    """The message never holds the password."""


def parse_database_url(url: str, data_dir: Path) -> URL:
    """url: mysql://user:password@host/database (or mariadb://, or with +pymysql), sqlite:///path,
    or "" for the SQLite file in `data_dir`.

    Raises StorageMisconfigured.
    """
    if not url:
        return URL.create("sqlite", database=str(data_dir / "gateway.sqlite3"))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _misconfigured("cannot be read") from None
    if parsed.drivername not in _DRIVERS:
        raise _misconfigured("is of another database than SQLite, MySQL or MariaDB")
    if not parsed.database or parsed.database == ":memory:":
        raise _misconfigured("names no database")
    if "@" in (parsed.host or ""):
        raise _misconfigured("has an @ in its user or password")
    parsed = parsed.difference_update_query(_OF_OTHER_DRIVERS)
    return parsed.set(drivername=_DRIVERS[parsed.drivername])


def _misconfigured(what: str) -> StorageMisconfigured:
    return StorageMisconfigured(
        f"DATABASE_URL {what}; write mysql+pymysql://user:password@host:3306/database with every "
        "special character of the password percent-encoded (@ is %40), or unset it for SQLite"
    )
