"""Running services to measure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from client.processes import ProcessError, ServiceProcesses, ready_services

SERVICES = ["encoder", "synthesizer", "vocoder"]


@contextmanager
def running(names: list[str], checkpoints: Path | None = None) -> Iterator[ServiceProcesses]:
    """`ready_services`, whose failure becomes one line."""
    try:
        with ready_services(names, checkpoints) as services:
            yield services
    except ProcessError as error:
        raise click.ClickException(str(error)) from error
