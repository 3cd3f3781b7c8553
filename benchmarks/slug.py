"""The size of a service's slug on Heroku: its packages and the source, packed.

Python itself is not counted.
"""

import gzip
import re
import tarfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import click
from packaging.requirements import Requirement

from benchmarks.results import Row, Table
from shared.settings import REPOSITORY

LIMIT_MB = 500  # of Heroku
_NOT_SOURCE = {".git", ".venv", "__pycache__", "data", "demo", "build"}


class _Counter:
    """A file that only counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def measure() -> Table:
    packages, source = _Counter(), _Counter()
    packed = [_packed(packages, _package_files()), _packed(source, _source_files())]
    rows = [
        Row("packages", "MB", [packages.bytes / 1e6]),
        Row("source with the bundled weights", "MB", [source.bytes / 1e6]),
        Row("slug", "MB", [(packages.bytes + source.bytes) / 1e6], LIMIT_MB),
        Row("unpacked", "MB", [sum(packed) / 1e6]),
    ]
    return Table("Size", "tar and gzip, level 6, as installed here; without Python itself", rows)


def _packed(sink: _Counter, files: Iterator[Path]) -> int:
    """Their bytes before packing."""
    size = 0
    with (
        gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=6) as packing,
        tarfile.open(fileobj=packing, mode="w|") as archive,
    ):
        for file in files:
            archive.add(file, recursive=False)
            size += file.stat().st_size
    return size


def _package_files() -> Iterator[Path]:
    """Files of the packages that pyproject.toml names, and of those that they require."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        found = _installed(requirement.name)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if found is None or name in seen:
            continue
        seen.add(name)
        wanted += _required(found, requirement.extras)
        yield from _files(found)


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _required(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in found.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if not marker or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _files(found: Distribution) -> Iterator[Path]:
    for entry in found.files or ():
        file = Path(str(entry.locate()))
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def _source_files() -> Iterator[Path]:
    ignored = (REPOSITORY / ".slugignore").read_text().split()
    left_out = _NOT_SOURCE | {name.strip("/") for name in ignored}
    for file in REPOSITORY.rglob("*"):
        parts = file.relative_to(REPOSITORY).parts
        if file.is_file() and not left_out & set(parts) and not parts[0].startswith("."):
            yield file


if __name__ == "__main__":
    for line in measure().lines():
        click.echo(line)
