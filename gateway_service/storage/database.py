"""The database: SQLite in DATA_DIR, or the MySQL or MariaDB that DATABASE_URL names.

A database that is away when the gateway starts does not stop it: what needs no storage works (the
presets speak, the page is there), everything else is answered with 503 `storage_unavailable`, and
the first request that finds the database back runs the migrations. What no waiting mends stops the
start with StorageMisconfigured: a wrong address, password or database name, an unwritable folder,
tables of a newer program. Later on, a database that goes away means 503s until it is back.

A database that is silent would hold each caller for seconds. So for REST_SECONDS after it failed
nobody asks it, and then one caller alone looks whether it is back: all others have their 503 at
once.

A full disk stops what stores more, by name, and nothing else: what is stored can be read, and be
deleted. Jobs are refused before that, when less than `min_free_bytes` are free. A SQLite file that
is damaged means 503 `storage_damaged`, until it is restored and the process started again.

No error and no log line holds the address, which holds the password, nor a statement's values.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.orm import Session

from gateway_service.storage import sqlite_space
from gateway_service.storage.database_url import StorageMisconfigured, parse_database_url
from gateway_service.storage.disk_space import DiskSpace
from gateway_service.storage.migrate import DatabaseDamaged, upgrade
from shared.http.errors import NotReady

log = logging.getLogger("better")

T = TypeVar("T")
Args = TypeVarTuple("Args")

REST_SECONDS = 2.0
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10  # for one statement, or the greeting of a new connection (MariaDB)
_OF_THE_CLIENT = range(2000, 3000)  # MariaDB's numbers for what the server did not say
_MARIADB_FULL = {1021, 1114}  # disk full, table full
_SQLITE_ON_FULL_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}  # for its smaller files
_MARIADB: dict[str, Any] = {
    "isolation_level": "READ COMMITTED",
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _ANSWER_SECONDS,
        "write_timeout": _ANSWER_SECONDS,
    },
}


class StorageUnavailable(NotReady):
    """The database is away or busy; the same request works once it is back."""

    code = "storage_unavailable"
    reason = "the database does not answer; nothing was stored; try again in a moment"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__(self.reason)
        self.headers = {"Retry-After": str(self.retry_after_seconds)}


class StorageFull(StorageUnavailable):
    """The disk is full, or nearly; what is stored can be read and deleted."""

    code = "storage_full"
    reason = (
        "the disk of the database is full; nothing was stored; delete jobs that are over, or free "
        "space on that disk"
    )
    retry_after_seconds = 60


class StorageDamaged(StorageUnavailable):
    code = "storage_damaged"
    reason = (
        "the file of the database is damaged; nothing was stored; stop the gateway, restore the "
        "file from a backup and start it again"
    )
    retry_after_seconds = 60


class Storage:
    """Sessions on the database. May be used by several threads at a time.

    url: as DATABASE_URL; "" for a SQLite file in `data_dir`. Nothing is opened yet.
    connections: the most that are open at a time. busy_seconds: to wait for one of them, and on
    SQLite for another's transaction. min_free_bytes: on SQLite's disk, for `require_space`.
    Raises StorageMisconfigured for an address that names no database.
    """

    def __init__(
        self,
        url: str,
        data_dir: Path,
        connections: int = 5,
        busy_seconds: float = 10,
        min_free_bytes: int = 0,
    ) -> None:
        parsed = parse_database_url(url, data_dir)
        self._engine = _engine(parsed, connections, busy_seconds)
        self._busy_seconds = busy_seconds
        self._writing = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._reading = self._engine.execution_options(begin="BEGIN")
        is_sqlite = parsed.get_backend_name() == "sqlite"
        self._file = Path(parsed.database or "") if is_sqlite else None
        self._disk = DiskSpace(self._file, min_free_bytes) if self._file else None
        self._migrated, self._is_damaged = False, False
        self._migrating = threading.Lock()
        self._rests_until: float | None = None  # it failed, and has not answered since

    def close(self) -> None:
        self._engine.dispose()

    def has_space(self) -> bool:
        """True if there is room for new data. Asks nothing of a MariaDB, so it never blocks."""
        return not (self._disk and self._disk.is_low())

    def require_space(self) -> None:
        """Call it before new data is stored. Raises StorageFull."""
        if not self.has_space():
            raise StorageFull

    def check_ready(self) -> None:
        """Raises StorageFull and StorageDamaged, which need somebody's help; nothing for a database
        that is merely away. Never blocks."""
        if self._is_damaged:
            raise StorageDamaged
        self.require_space()

    def keep_reserve(self) -> None:
        """Set space aside on SQLite's disk, for deleting when it is full. Call it every few
        seconds."""
        if self._disk:
            self._disk.keep_reserve()

    def give_back_space(self) -> None:
        """Shrink SQLite's file by the space of deleted rows. MariaDB does that itself.

        Raises StorageUnavailable.
        """
        if self._file and self._file.exists():
            with self._outage_as_503():
                sqlite_space.give_back_space(self._file)

    def session(self) -> AbstractContextManager[Session]:
        """One transaction that may write: committed at the end of the block, rolled back if that
        raises. Objects stay readable after it.

        On SQLite one such transaction runs at a time, over all processes, so that what is read in
        it stays true until it is written: keep it short. On MariaDB lock what is read to be written
        (`with_for_update()`, which SQLite ignores). Raises StorageUnavailable, also at the end of
        the block.
        """
        return self._transaction(self._writing)

    def read_session(self) -> AbstractContextManager[Session]:
        """One transaction that only reads, which no writer holds up. Raises StorageUnavailable."""
        return self._transaction(self._reading)

    def migrate(self) -> None:
        """Brings the tables up to this program's; other threads and processes wait meanwhile.

        Every session does so first, once. Raises StorageUnavailable and StorageMisconfigured.
        """
        if self._migrated:
            return
        self._require_rested()
        patience = self._busy_seconds if self._rests_until is None else 0
        if not self._migrating.acquire(timeout=patience):
            raise StorageUnavailable
        try:
            self._require_rested()  # who was at it before may have found it away
            if not self._migrated:
                self._make_room()
                with self._outage_as_503():
                    upgrade(self._engine)
                self._migrated, self._rests_until = True, None
        finally:
            self._migrating.release()

    def _require_rested(self) -> None:
        if self._rests_until is not None and time.monotonic() < self._rests_until:
            raise StorageUnavailable

    def _make_room(self) -> None:
        if self._disk:
            self._disk.make_room()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Session]:
        try:
            self.migrate()
        except StorageMisconfigured as error:  # the database was away at the start
            log.error("storage: %s", error)
            if isinstance(error, DatabaseDamaged):
                self._is_damaged = True
                raise StorageDamaged from None
            raise StorageUnavailable from None
        if engine is self._writing:
            self._make_room()
        with (
            self._outage_as_503(),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def _outage_as_503(self) -> Iterator[None]:
        try:
            yield
        except (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            outage = self._outage(error, cause)
            if outage is None:
                raise
            # The cause alone: with the statement it could fill the log.
            log.warning("storage: %s", cause)
            raise outage from None

    def _outage(self, error: Exception, cause: BaseException | None) -> StorageUnavailable | None:
        """None for an error that is no outage, such as a broken constraint."""
        if self._is_full(cause):
            if self._disk:
                self._disk.release_reserve()
            return StorageFull()
        # It may come back as another: restored from a backup, or empty.
        if type(cause) is sqlite3.DatabaseError:
            self._migrated, self._is_damaged = False, True
            self._engine.dispose()
            return StorageDamaged()
        if isinstance(error, exc.DatabaseError) and not isinstance(error, exc.OperationalError):
            return None
        self._migrated = False
        if self._engine.dialect.name != "sqlite" and _is_away(error):
            self._rests_until = time.monotonic() + REST_SECONDS
        return StorageUnavailable()

    def _is_full(self, cause: BaseException | None) -> bool:
        if self._disk is None:
            return bool(cause and cause.args and cause.args[0] in _MARIADB_FULL)
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without what SQLite adds to it
        return code == sqlite3.SQLITE_FULL or (
            code in _SQLITE_ON_FULL_DISK and self._disk.is_exhausted()
        )


_threads = CapacityLimiter(16)


async def in_storage_thread(call: Callable[[*Args], T], *args: *Args) -> T:
    """For routes. While the database is silent, what needs it waits for these threads, and all else
    has its own."""
    return await to_thread.run_sync(call, *args, limiter=_threads)


def _is_away(error: Exception) -> bool:
    """Rather than busy, as with a deadlock or too many connections."""
    if isinstance(error, exc.DBAPIError):
        number = error.orig.args[0] if error.orig and error.orig.args else None
        return isinstance(error, exc.InterfaceError) or number in _OF_THE_CLIENT
    return True


def _engine(url: URL, connections: int, busy_seconds: float) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_seconds,
        hide_parameters=True,
        **({"connect_args": {"timeout": busy_seconds}} if is_sqlite else _MARIADB),
    )
    if is_sqlite:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_size_limit = {sqlite_space.MAX_WAL_BYTES}")


def _begin(connection: Connection) -> None:
    # A transaction that reads before it writes must take the lock at its start: halfway, SQLite
    # refuses it at once where another has written meanwhile.
    if statement := connection.get_execution_options().get("begin"):
        connection.exec_driver_sql(statement)
