"""Running services to measure."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import click

from client.processes import ProcessError, ServiceProcesses, free_ports

SERVICES = ["encoder", "synthesizer", "vocoder"]


@contextmanager
def running(names: list[str], checkpoints: Path | None = None) -> Iterator[ServiceProcesses]:
    """The services as the Procfile starts them, ready, on free ports; their log if they fail.

    checkpoints: a folder of weights other than the bundled ones.
    """
    chosen = {"CHECKPOINTS_DIR": str(checkpoints)} if checkpoints else {}
    with tempfile.TemporaryFile() as log, patch.dict(os.environ, chosen):
        try:
            with ServiceProcesses(free_ports(names), log=log) as services:
                services.wait_until_ready()
                yield services
        except ProcessError as error:
            log.seek(0)
            click.echo(log.read().decode(errors="replace"), err=True)
            raise click.ClickException(str(error)) from error
