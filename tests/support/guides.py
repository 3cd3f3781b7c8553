"""Run the shell blocks of a guide unchanged, with programs that record their calls.

The recorded arguments are then checked against those that the real programs accept."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
import httpx

from cli.main import better
from shared.services import DEFAULT_PORT, all_apps
from tests.conftest import REPOSITORY
from tests.system.test_deployment import APPS
from tests.system.test_readme import blocks

PROGRAMS = ["heroku", "docker", "git", "better", "curl", "kubectl", "pip", "ray", "serve"]
KEYS = "ab" * 24
NOTE = """#!{python}
import json, os, pathlib, sys
call = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(call) + "\\n")
if call[:2] == ["heroku", "info"] and "--shell" in call:
    print("stack=heroku-24\\nweb_url=https://" + call[call.index("--app") + 1] + ".example.org/")
"""


class NotTaken(Exception):
    pass


class Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise NotTaken(message)


def walk(guide: Path, folder: Path) -> list[list[str]]:
    """The calls of a guide's shell blocks, in their order."""
    programs = folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text(NOTE.format(python=sys.executable))
        (programs / name).chmod(0o755)
    (programs / "openssl").write_text(f"#!/bin/sh\necho {KEYS}\n")
    (programs / "openssl").chmod(0o755)
    script = "set -eu\n" + "\n".join(b.code for b in blocks(guide) if b.language == "sh")
    calls = folder / "calls"
    path = f"{programs}{os.pathsep}{os.defpath}"
    environment = {"PATH": path, "CALLS": str(calls), "PYTHONSAFEPATH": "1"}
    ended = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return [json.loads(line) for line in calls.read_text().splitlines()]


def check_of_better(arguments: Sequence[str]) -> None:
    """Raises click.UsageError for arguments that the command does not accept."""
    command: click.Command | None = better
    rest = [*arguments]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command, arguments
    command.make_context(command.name, rest)


def check_of_curl(arguments: Sequence[str]) -> None:
    """For addresses on this machine or Heroku: check that the app has the path."""
    (url,) = [httpx.URL(a) for a in arguments if a.startswith("http")]
    ports = {DEFAULT_PORT + app.port_offset: name for name, app in all_apps().items()}
    app = import_module(f"{ports.get(url.port or 0, 'vocoder')}_service.app").app
    assert url.path in {getattr(route, "path", None) for route in app.routes}
    for file in re.findall(r"@(\S+)", " ".join(arguments)):
        assert (REPOSITORY / file).is_file()


def check_of_docker(arguments: Sequence[str]) -> None:
    parser = Arguments("docker", allow_abbrev=False)
    kinds = {
        "compose up": ["--build", "--detach"],
        "compose ps": [],
        "compose logs": ["--follow"],
        "compose down": ["--volumes"],
        "compose run": ["--rm"],
        "build": ["--build-arg=", "--target=", "--tag="],
        "run": ["--rm", "--init", "--read-only", "--memory=", "--tmpfs=", "--publish="],
    }
    words = 2 if arguments[0] == "compose" else 1
    kind = " ".join(arguments[:words])
    for flag in kinds[kind]:
        parser.add_argument(
            flag.rstrip("="), action="store" if flag.endswith("=") else "store_true"
        )
    parser.add_argument("rest", nargs="*")
    given = parser.parse_args(arguments[words:])
    if kind.startswith("compose"):
        assert set(given.rest) <= {*APPS, "fetch"}
    elif kind == "build" and given.target:
        assert f" AS {given.target}\n" in (REPOSITORY / "Dockerfile").read_text()
        assert (given.tag, given.rest) == (f"better-{given.target}", ["."])
    elif kind == "build":
        service = given.tag.removeprefix("better-")
        assert service in APPS
        assert (given.build_arg, given.rest) == (f"SERVICE={service}", ["."])
    else:
        assert given.rest == ["better-vocoder"]
        assert given.publish.endswith(":8000")
