"""The database: SQLite in DATA_DIR, or the MySQL or MariaDB of DATABASE_URL.

A database that is unreachable at startup does not stop the gateway. Routes without storage work
(the presets speak, the page loads); all others respond with 503 `storage_unavailable`. The first
request that reaches the database again runs the migrations. Errors that waiting does not resolve
end the startup with StorageMisconfigured: a wrong address, password or database name, a read-only
folder, tables of a newer program.

Circuit breaker: fail fast, then one caller probes. After a MySQL or MariaDB stops responding, all
requests get 503 at once for PROBE_SECONDS. Then one caller connects, while the others still fail
fast.

A full disk stops new data with 503 `storage_full`; reads and deletions continue. Jobs are refused
earlier, when less than `min_free_bytes` are free. A damaged SQLite file means 503 `storage_damaged`
until it is restored and the process restarted.

Errors and log lines contain neither the address, which holds the password, nor a statement's
values.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from gateway_service.settings import Settings
from gateway_service.storage import sqlite_space
from gateway_service.storage.engine import (
    StorageMisconfigured,
    for_reading,
    for_writing,
    open_engine,
    parse_database_url,
)
from gateway_service.storage.migrate import DatabaseDamaged, upgrade
from gateway_service.storage.sqlite_space import DiskSpace
from shared.http.errors import NotReady

log = logging.getLogger("better")

T = TypeVar("T")
Args = TypeVarTuple("Args")

PROBE_SECONDS = 2.0
"""Time between two attempts to reach a database that did not respond."""
_CLIENT_ERRORS = range(2000, 3000)  # MariaDB's error numbers for a failed connection
_MARIADB_FULL = {1021, 1114}  # disk full, table full
_SQLITE_IO_ERRORS = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}  # also raised on a full disk


class StorageUnavailable(NotReady):
    """The database is unreachable or busy. The same request works once it responds again."""

    code = "storage_unavailable"
    reason = "the database does not respond; nothing was stored; try again in a few seconds"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__(self.reason)
        self.headers = {"Retry-After": str(self.retry_after_seconds)}


class StorageFull(StorageUnavailable):
    """The disk is full or nearly full. Stored data can be read and deleted."""

    code = "storage_full"
    reason = (
        "the disk of the database is full; nothing was stored; delete finished jobs, or free space "
        "on that disk"
    )
    retry_after_seconds = 60


class NotEnoughSpace(StorageFull):
    """The disk has no room for a job of this size."""

    def __init__(self, needed_bytes: int) -> None:
        self.reason = (
            f"the job needs about {needed_bytes / 1e6:.0f} MB on the disk of the database while it "
            "is made, and less is free; delete finished jobs, send the text in parts, or free "
            "space on that disk"
        )
        super().__init__()


class StorageDamaged(StorageUnavailable):
    """The SQLite file is corrupt."""

    code = "storage_damaged"
    reason = (
        "the database file is damaged; nothing was stored; stop the gateway, restore the file from "
        "a backup and start it again"
    )
    retry_after_seconds = 60


class Storage:
    """Sessions of the database. Safe for use by several threads. Nothing is opened yet.

    url: DATABASE_URL, or "" for a SQLite file in `data_dir`.
    connections: the maximum number of open connections.
    busy_seconds: how long to wait for a free connection, and on SQLite for another transaction.
    min_free_bytes: free space on SQLite's disk that `require_space` demands.

    Raises StorageMisconfigured for an invalid URL.
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
        self._engine = open_engine(parsed, connections, busy_seconds)
        self._reading, self._writing = for_reading(self._engine), for_writing(self._engine)
        self._busy_seconds = busy_seconds
        is_sqlite = parsed.get_backend_name() == "sqlite"
        self._file = Path(parsed.database or "") if is_sqlite else None
        self._disk = DiskSpace(self._file, min_free_bytes) if self._file else None
        self._is_migrated, self._is_damaged = False, False
        self._migration_lock = threading.Lock()
        self._next_probe: float | None = None  # monotonic; None while the circuit is closed

    def close(self) -> None:
        self._engine.dispose()

    @property
    def folder(self) -> Path | None:
        """The folder of a SQLite database, None for MariaDB."""
        return self._file.parent if self._file else None

    def has_space(self, needed_bytes: int = 0) -> bool:
        """True if there is room for new data. Never blocks: MariaDB is not asked."""
        return not (self._disk and self._disk.is_low(needed_bytes))

    def require_space(self, needed_bytes: int = 0) -> None:
        """Check for free space. Call this before storing new data.

        needed_bytes: of a job, besides the minimum. Raises StorageFull.
        """
        if not self.has_space():
            raise StorageFull
        if not self.has_space(needed_bytes):
            raise NotEnoughSpace(needed_bytes)

    def check_ready(self) -> None:
        """Check for problems that an operator must resolve. Never blocks.

        An unreachable database is not one: it may come back by itself.
        Raises StorageFull and StorageDamaged.
        """
        if self._is_damaged:
            raise StorageDamaged
        self.require_space()

    def create_reserve(self) -> None:
        """Reserve space on SQLite's disk for deletion. Call this every few seconds."""
        if self._disk:
            self._disk.create_reserve()

    def reclaim_space(self) -> None:
        """Shrink SQLite's file by the space of deleted rows. MariaDB does that itself.

        Raises StorageUnavailable.
        """
        if self._file and self._file.exists():
            with self._outages_as_503():
                sqlite_space.reclaim_space(self._file)

    def session(self) -> AbstractContextManager[Session]:
        """One transaction that may write.

        It is committed at the end of the block and rolled back if the block raises. Its objects can
        be read afterwards. On SQLite one such transaction runs at a time, across all processes, so
        that what it reads stays true until it writes: keep it short. On MariaDB lock rows that are
        read before they are written (`with_for_update()`, which SQLite ignores).

        Raises StorageUnavailable, also at the end of the block.
        """
        return self._transaction(self._writing)

    def read_session(self) -> AbstractContextManager[Session]:
        """One transaction that only reads. Writers do not block it. Raises StorageUnavailable."""
        return self._transaction(self._reading)

    def migrate(self) -> None:
        """Upgrade the tables to this program's version. Every session does so once.

        Other threads and processes wait meanwhile. Raises StorageUnavailable and
        StorageMisconfigured.
        """
        if self._is_migrated:
            return
        self._require_closed_circuit()
        wait_seconds = self._busy_seconds if self._next_probe is None else 0
        if not self._migration_lock.acquire(timeout=wait_seconds):
            raise StorageUnavailable
        try:
            self._require_closed_circuit()  # the previous holder may have opened it
            if not self._is_migrated:
                self._make_room()
                with self._outages_as_503():
                    upgrade(self._engine)
                self._is_migrated, self._next_probe = True, None
        finally:
            self._migration_lock.release()

    def _require_closed_circuit(self) -> None:
        if self._next_probe is not None and time.monotonic() < self._next_probe:
            raise StorageUnavailable

    def _make_room(self) -> None:
        if self._disk:
            self._disk.make_room()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Session]:
        try:
            self.migrate()
        except StorageMisconfigured as error:  # the database was unreachable at startup
            log.error("storage: %s", error)
            if isinstance(error, DatabaseDamaged):
                self._is_damaged = True
                raise StorageDamaged from None
            raise StorageUnavailable from None
        if engine is self._writing:
            self._make_room()
        with (
            self._outages_as_503(),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def _outages_as_503(self) -> Iterator[None]:
        try:
            yield
        except (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            outage = self._outage(error, cause)
            if outage is None:
                raise
            # Only the cause: with its statement, the error could fill the log.
            log.warning("storage: %s", cause)
            raise outage from None

    def _outage(self, error: Exception, cause: BaseException | None) -> StorageUnavailable | None:
        """None for an error that is not an outage, such as a violated constraint."""
        if self._is_full(cause):
            if self._disk:
                self._disk.release_reserve()
            return StorageFull()
        # The database may come back different, restored from a backup or empty: migrate it again.
        if type(cause) is sqlite3.DatabaseError:
            self._is_migrated, self._is_damaged = False, True
            self._engine.dispose()
            return StorageDamaged()
        if isinstance(error, exc.DatabaseError) and not isinstance(error, exc.OperationalError):
            return None
        self._is_migrated = False
        if self._engine.dialect.name != "sqlite" and _is_connection_error(error):
            self._next_probe = time.monotonic() + PROBE_SECONDS
        return StorageUnavailable()

    def _is_full(self, cause: BaseException | None) -> bool:
        if self._disk is None:
            return bool(cause and cause.args and cause.args[0] in _MARIADB_FULL)
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the primary result code
        return code == sqlite3.SQLITE_FULL or (
            code in _SQLITE_IO_ERRORS and self._disk.is_exhausted()
        )


def open_storage(settings: Settings) -> Storage:
    """Open the storage and migrate it if the database is reachable. Raises StorageMisconfigured."""
    storage = Storage(
        settings.database_url.get_secret_value(),
        settings.data_dir,
        settings.database_connections,
        min_free_bytes=settings.min_free_bytes,
    )
    with suppress(StorageUnavailable):
        storage.migrate()
    return storage


_threads = CapacityLimiter(16)


async def in_storage_thread(call: Callable[[*Args], T], *args: *Args) -> T:
    """Run a blocking call of the storage in one of its own threads.

    While the database does not respond, waiting calls occupy these threads only.
    """
    return await to_thread.run_sync(call, *args, limiter=_threads)


def _is_connection_error(error: Exception) -> bool:
    """False for a database that responds but is busy: a deadlock, too many connections."""
    if isinstance(error, exc.DBAPIError):
        number = error.orig.args[0] if error.orig and error.orig.args else None
        return isinstance(error, exc.InterfaceError) or number in _CLIENT_ERRORS
    return True
