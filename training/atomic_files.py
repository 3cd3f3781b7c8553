"""Files that are there whole or not at all, also after kill -9."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which takes the target's place, on the disk too, when the block ends.

    What a killed process left there is overwritten by the next one.
    """
    part = target.with_name(f".{target.name}.part")
    yield part
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
