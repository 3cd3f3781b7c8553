"""Files that are there whole or not at all, also after kill -9."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTS = ".better-*.part"
"""What a killed process may leave beside its target."""


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to: it takes the target's place, on the disk too, when the
    block ends well and is removed when it does not."""
    target = target.resolve()  # a link stays a link
    part = target.with_name(PARTS.replace("*", secrets.token_hex(8)))
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
