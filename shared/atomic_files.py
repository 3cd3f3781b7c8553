"""Atomic files: written completely or not at all, even after kill -9."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTS = ".better-*.part"
"""Pattern of the partial files that a killed process may leave beside its target."""


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to. It replaces the target, synced to disk, when the block
    ends without an error; else it is removed."""
    target = target.resolve()  # a link stays a link
    part = target.with_name(PARTS.replace("*", secrets.token_hex(8)))
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
