"""Free space on the disk of the SQLite file: a floor for new data, a reserve for deleting it."""

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("better")

_RESERVED_SHARE = 8  # of the floor: one eighth is in the reserve
_PART = 2**20  # bytes that are written at a time


class DiskSpace:
    """May be used by several threads and processes at a time.

    min_free_bytes: the floor. An eighth of it is kept in a file beside the database. Deleting needs
    room for its journal, so that file is removed when the disk is full.
    """

    def __init__(self, database: Path, min_free_bytes: int) -> None:
        self._folder = database.parent
        self._reserve = database.with_name(database.name + ".reserve")
        self._min_free_bytes = min_free_bytes
        self._reserved_bytes = min_free_bytes // _RESERVED_SHARE

    def is_low(self) -> bool:
        return self._free_bytes() < self._min_free_bytes

    def is_exhausted(self) -> bool:
        """Too full for a small write."""
        return self._free_bytes() < _PART

    def make_room(self) -> None:
        """Give up the reserve if there is hardly any other space. Call it before every write."""
        if self._free_bytes() < self._reserved_bytes // 2:
            self.release_reserve()

    def release_reserve(self) -> None:
        with suppress(OSError):
            self._reserve.unlink()
            log.warning("the disk of DATA_DIR is full; its reserve is given up for deleting")

    def keep_reserve(self) -> None:
        """Make the reserve if there is none and room for it. Call it every few seconds."""
        if self._reserved_bytes == 0 or self._reserve.exists():
            return
        if self._free_bytes() < self._min_free_bytes + self._reserved_bytes:
            return
        try:
            with self._reserve.open("xb") as file:
                for start in range(0, self._reserved_bytes, _PART):
                    # Random, so that no file system compresses it.
                    file.write(os.urandom(min(_PART, self._reserved_bytes - start)))
        except FileExistsError:  # another process was faster
            pass
        except OSError:
            self.release_reserve()

    def _free_bytes(self) -> float:
        try:
            found = os.statvfs(self._folder)
        except OSError:  # the folder is not made yet
            return float("inf")
        return found.f_bavail * found.f_frsize
