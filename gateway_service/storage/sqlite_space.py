"""Disk space of the SQLite file: a minimum for new data, a reserve for deletion, and shrinking.

SQLite keeps the pages of deleted rows. `reclaim_space` returns them to the disk in small steps:
each step is a transaction of its own, followed by a checkpoint. So the write-ahead log (WAL) stays
small however much was deleted, and other writers can run in between.
"""

import logging
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

log = logging.getLogger("better")

MAX_WAL_BYTES = 4 * 2**20
"""The size of the WAL that SQLite keeps between checkpoints (`PRAGMA journal_size_limit`)."""
MAX_REBUILD_BYTES = 2**30
"""A larger file of an older version is not rebuilt: startup would take too long."""
_STEP_PAGES = 256  # 1 MiB
_LOCK_SECONDS = 1.0
_INCREMENTAL = 2  # the value of `PRAGMA auto_vacuum`

_RESERVE_DIVISOR = 8  # the reserve is an eighth of the minimum
_MIB = 2**20


class DiskSpace:
    """Free space on the disk of the database.

    Safe for use by several threads and processes.

    min_free_bytes: the minimum for new data. An eighth of it is kept in a file beside the database.
    Deletion needs room for its journal, so that file is removed when the disk is full.
    """

    def __init__(self, database: Path, min_free_bytes: int) -> None:
        self._folder = database.parent
        self._reserve = database.with_name(database.name + ".reserve")
        self._min_free_bytes = min_free_bytes
        self._reserve_bytes = min_free_bytes // _RESERVE_DIVISOR

    def is_low(self, needed_bytes: int = 0) -> bool:
        """True if there is less free space than the minimum and `needed_bytes` together."""
        return self._free_bytes() < self._min_free_bytes + needed_bytes

    def is_exhausted(self) -> bool:
        """True if even a small write would fail."""
        return self._free_bytes() < _MIB

    def make_room(self) -> None:
        """Release the reserve if the disk is almost full. Call this before every write."""
        if self._free_bytes() < self._reserve_bytes // 2:
            self.release_reserve()

    def release_reserve(self) -> None:
        with suppress(OSError):
            self._reserve.unlink()
            log.warning("the disk of DATA_DIR is full; its reserve is released for deletion")

    def create_reserve(self) -> None:
        """Create the reserve if it is missing and there is room. Call this every few seconds."""
        if self._reserve_bytes == 0 or self._reserve.exists():
            return
        if self._free_bytes() < self._min_free_bytes + self._reserve_bytes:
            return
        try:
            with self._reserve.open("xb") as file:
                for start in range(0, self._reserve_bytes, _MIB):
                    # Random bytes, so that no file system compresses them.
                    file.write(os.urandom(min(_MIB, self._reserve_bytes - start)))
        except FileExistsError:  # another process was faster
            pass
        except OSError:
            self.release_reserve()

    def _free_bytes(self) -> float:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:  # the folder does not exist yet
            return float("inf")


def prepare_file(file: Path) -> None:
    """Set the file's modes: WAL, and free pages that `reclaim_space` can return.

    Creates a missing file and rebuilds one of an older version. Raises sqlite3.DatabaseError.
    """
    with closing(_open(file, mode="rwc")) as connection:
        if _integer(connection, "auto_vacuum") != _INCREMENTAL:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect in a new file
            _rebuild(connection, file)
        connection.execute("PRAGMA journal_mode = WAL")


def reclaim_space(file: Path) -> None:
    """Shrink the file by its free pages.

    Returns early while other connections block it; the next call continues.
    Raises sqlite3.DatabaseError for a damaged file.
    """
    try:
        with closing(_open(file)) as connection:
            pages = _integer(connection, "freelist_count")
            is_shrinking = _checkpoint(connection)
            while is_shrinking and pages:
                # `execute` would stop after the first page.
                connection.executescript(f"PRAGMA incremental_vacuum({_STEP_PAGES})")
                remaining = _integer(connection, "freelist_count")
                is_shrinking = _checkpoint(connection) and remaining < pages
                pages = remaining
    except sqlite3.OperationalError as error:
        log.info("storage: free space is reclaimed later: %s", error)


def _rebuild(connection: sqlite3.Connection, file: Path) -> None:
    pages = _integer(connection, "page_count") - _integer(connection, "freelist_count")
    used_bytes = pages * _integer(connection, "page_size")
    if used_bytes == 0:
        return
    # VACUUM writes a copy, and then copies that to the WAL.
    if used_bytes > min(MAX_REBUILD_BYTES, shutil.disk_usage(file.parent).free // 3):
        reason = "it is too large to be rebuilt at startup"
    else:
        try:
            connection.execute("VACUUM")
            _checkpoint(connection)
            return
        except sqlite3.OperationalError as error:
            reason = str(error)
    log.warning("storage: %s does not shrink when jobs are deleted: %s", file.name, reason)


def _open(file: Path, mode: str = "rw") -> sqlite3.Connection:
    address = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS, isolation_level=None)


def _integer(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Empty the WAL. False if other connections block that."""
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
