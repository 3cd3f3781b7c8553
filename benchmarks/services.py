"""Running services to measure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import click

from cli.processes import ProcessError, ServiceProcesses, ready_services


@contextmanager
def running(
    names: Iterable[str],
    checkpoints: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ServiceProcesses]:
    """`ready_services`, whose failure becomes one line."""
    try:
        with ready_services(names, checkpoints, settings) as services:
            yield services
    except ProcessError as error:
        raise click.ClickException(str(error)) from error
