"""The `better` command."""

import errno
from importlib import import_module

import click
from pydantic import ValidationError

from client.errors import ChainError
from shared import __version__
from shared.stop_signals import raise_on_stop_signals

# Imported on use, so that `better serve` does not load PyTorch.
_COMMANDS = {
    "speak": "cli.speak",
    "book": "cli.book",
    "voices": "cli.voices",
    "verify": "cli.verify",
    "serve": "cli.serve",
    "worker": "cli.serve",
    "cluster": "cli.cluster",
    "wyoming": "cli.connectors",
    "mcp": "cli.connectors",
    "demo": "cli.demo",
    "checkpoints": "cli.checkpoints",
    "train": "cli.train",
}


class _BetterGroup(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[name]), name)
        return command

    def invoke(self, context: click.Context) -> object:
        """Print known errors as one line and exit with code 1."""
        try:
            return super().invoke(context)
        except ChainError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # click exits silently
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(where + (error.strerror or str(error))) from error
        except ValidationError as invalid:
            raise click.ClickException(_first_line(invalid)) from invalid


def _first_line(invalid: ValidationError) -> str:
    first = invalid.errors()[0]
    name = "_".join(map(str, first["loc"])).upper()
    if first["type"] == "value_error":  # our own message, which shows values unless they are secret
        return f"{name}: {first['ctx']['error']}".removeprefix(": ")
    return f"{name} is {first['input']!r}: {first['msg']}"


@click.group(cls=_BetterGroup)
@click.version_option(__version__)
def better() -> None:
    """Better API: clone a voice and speak with it."""


def main() -> None:
    raise_on_stop_signals()
    better()
