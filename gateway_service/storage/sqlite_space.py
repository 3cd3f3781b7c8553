"""The SQLite file gives the space of deleted rows back to the disk, in small steps.

Each step is a transaction of its own, followed by a checkpoint. So the write-ahead log (WAL) stays
small however much was deleted, and other writers get their turn in between.
"""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

log = logging.getLogger("better")

MAX_WAL_BYTES = 4 * 2**20
"""The size of the WAL that SQLite keeps between checkpoints (`PRAGMA journal_size_limit`)."""
_STEP_PAGES = 256  # 1 MiB
_LOCK_SECONDS = 1.0
_INCREMENTAL = 2
MAX_REBUILT_BYTES = 2**30
"""A larger file stays as it was made, for the start would take too long."""


def give_back_space(file: Path) -> None:
    """Returns early if others write or read for long; the next call goes on.

    Raises sqlite3.DatabaseError for a damaged file.
    """
    try:
        with closing(_open(file)) as connection:
            pages = _number(connection, "freelist_count")
            is_shrinking = _checkpoint(connection)
            while is_shrinking and pages:
                # As a statement of its own it would end after the first page.
                connection.executescript(f"PRAGMA incremental_vacuum({_STEP_PAGES})")
                left = _number(connection, "freelist_count")
                is_shrinking = _checkpoint(connection) and left < pages
                pages = left
    except sqlite3.OperationalError as error:
        log.info("storage: space is given back later: %s", error)


def prepare(file: Path) -> None:
    """Sets the modes of the file: WAL, and free pages that `give_back_space` can give back.

    Makes the file if there is none; rebuilds one of an older version. Raises sqlite3.DatabaseError.
    """
    with closing(_open(file, mode="rwc")) as connection:
        if _number(connection, "auto_vacuum") != _INCREMENTAL:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect in a new file
            _rebuild(connection, file)
        connection.execute("PRAGMA journal_mode = WAL")


def _rebuild(connection: sqlite3.Connection, file: Path) -> None:
    pages = _number(connection, "page_count") - _number(connection, "freelist_count")
    used_bytes = pages * _number(connection, "page_size")
    if used_bytes == 0:
        return
    # VACUUM writes a copy, and then all of that to the WAL.
    if used_bytes > min(MAX_REBUILT_BYTES, shutil.disk_usage(file.parent).free // 3):
        reason = "it is too large to be rebuilt at the start"
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


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Empties the WAL. False if others are at it for long."""
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
