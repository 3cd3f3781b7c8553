"""The `better` command."""

import errno
from importlib import import_module

import click
from pydantic import ValidationError

from client.errors import ChainError
from shared import __version__
from shared.stop_signals import raise_on_stop_signals

# Imported when it is asked for: `better serve` need not wait for PyTorch.
_COMMANDS = {
    "speak": "cli.speak",
    "book": "cli.book",
    "voices": "cli.voices_commands",
    "verify": "cli.verify",
    "serve": "cli.serve",
    "worker": "cli.worker",
    "cluster": "cli.cluster",
    "wyoming": "cli.wyoming",
    "mcp": "cli.mcp",
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
        """What goes wrong for a known reason becomes one line and exit code 1."""
        try:
            return super().invoke(context)
        except ChainError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly then
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(where + (error.strerror or str(error))) from error
        except ValidationError as invalid:
            raise click.ClickException(_first_line(invalid)) from invalid


def _first_line(invalid: ValidationError) -> str:
    first = invalid.errors()[0]
    name = "_".join(map(str, first["loc"])).upper()
    if first["type"] == "value_error":  # of our own: it shows the value where that is no secret
        return f"{name}: {first['ctx']['error']}".removeprefix(": ")
    return f"{name} is {first['input']!r}: {first['msg']}"


@click.group(cls=_BetterGroup)
@click.version_option(__version__)
def better() -> None:
    """Better API: clone a voice and let it speak."""


def main() -> None:
    raise_on_stop_signals()
    better()
