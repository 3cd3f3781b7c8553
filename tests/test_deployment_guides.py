"""docs/deploy-heroku.md and docs/deploy-compose.md, walked through line by line: their shell blocks
run as they stand, against programs that note how they are called. What was called is then held
against what heroku, docker and git take, and against the files that they would read."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import click
import httpx
import pytest

from client.cli import better
from client.processes import PORT_OFFSETS
from tests.conftest import REPOSITORY
from tests.test_deployment import APPS, dyno, source
from tests.test_readme import blocks

__all__ = ["source"]  # a fixture

HEROKU, COMPOSE = (REPOSITORY / f"docs/deploy-{name}.md" for name in ("heroku", "compose"))
PROGRAMS = ["heroku", "docker", "git", "better", "curl"]
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


@dataclass
class HerokuApp:
    stack: str
    remote: str | None
    config: dict[str, str] = field(default_factory=dict)
    addons: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    built_with: dict[str, str] | None = None
    """The settings at its first push."""


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


class Platform:
    """Heroku, as far as the guide goes. Raises NotTaken for what it would not take."""

    def __init__(self) -> None:
        self.apps: dict[str, HerokuApp] = {}
        self.procfile = dict(
            re.findall(r"^(\w+): (.+)$", (REPOSITORY / "Procfile").read_text(), re.M)
        )

    def call(self, command: str, *arguments: str) -> None:
        parser = Arguments(command, allow_abbrev=False)
        if command != "container:login":
            parser.add_argument("rest", nargs="*")
            parser.add_argument("--app", required=command != "create")
        if command == "create":
            parser.add_argument("--stack", choices=["heroku-24", "container"], required=True)
            parser.add_argument("--remote")
        if command == "container:push":
            parser.add_argument("--arg", required=True)
        for flag in {"logs": ["--tail"], "info": ["--shell"]}.get(command, ()):
            parser.add_argument(flag, action="store_true")
        given = parser.parse_args(arguments)
        handlers: dict[str, Callable[[HerokuApp, argparse.Namespace], None]] = {
            "config:set": lambda app, given: app.config.update(_pairs(given.rest)),
            "config:get": lambda app, given: _require(given.rest[0] in app.config, given.rest[0]),
            "addons:create": lambda app, given: app.addons.extend(given.rest),
            "ps:type": lambda app, given: self._types(app, given.rest),
            "container:push": lambda app, given: app.config.update(_pairs([given.arg])),
            "container:release": lambda app, given: self._types(app, ["web=basic"]),
            "logs": lambda app, given: None,
            "info": lambda app, given: None,
        }
        if command == "create":
            self._create(given)
        elif command != "container:login":
            _require(command in handlers, command)
            _require(given.app in self.apps, given.app)
            handlers[command](self.apps[given.app], given)

    def push(self, remote: str) -> None:
        for app in self.apps.values():
            if app.remote == remote:
                app.built_with = app.built_with or dict(app.config)
                return
        raise NotTaken(f"no remote {remote}")

    def _create(self, given: argparse.Namespace) -> None:
        (name,) = given.rest
        _require(bool(re.fullmatch(r"[a-z][a-z0-9-]{1,28}[a-z0-9]", name)), name)
        self.apps[name] = HerokuApp(given.stack, given.remote)

    def _types(self, app: HerokuApp, sizes: Sequence[str]) -> None:
        for kind, size in _pairs(sizes).items():
            _require(kind in self.procfile, kind)
            _require(size in ("basic", "standard-1x", "standard-2x"), size)
            app.types[kind] = size


def _pairs(given: Sequence[str]) -> dict[str, str]:
    _require(all("=" in pair for pair in given), str(given))
    return dict(pair.split("=", 1) for pair in given)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise NotTaken(what)


def check_of_better(arguments: Sequence[str]) -> None:
    """Raises click.UsageError for what the command does not take."""
    command: click.Command | None = better
    rest = [*arguments]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command, arguments
    command.make_context(command.name, rest)


def check_of_curl(arguments: Sequence[str]) -> None:
    """Of addresses on this machine or Heroku: the app there has such a path."""
    (url,) = [httpx.URL(a) for a in arguments if a.startswith("http")]
    ports = {8000 + offset: name for name, offset in PORT_OFFSETS.items()}
    app = import_module(f"{ports.get(url.port or 0, 'vocoder')}_service.app").app
    assert url.path in {getattr(route, "path", None) for route in app.routes}
    for file in re.findall(r"@(\S+)", " ".join(arguments)):
        assert (REPOSITORY / file).is_file()


def check_of_git(platform: Platform | None, arguments: Sequence[str]) -> None:
    match arguments:
        case ["push", remote, "HEAD:main"] if platform:
            platform.push(remote)
        case ["switch", "-c", _] | ["commit", "-m", _]:
            pass
        case ["add", path]:
            assert (REPOSITORY / path).exists()
        case _:
            pytest.fail(f"git {arguments}")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Heroku at the end of its guide."""
    platform = Platform()
    for program, *arguments in walk(HEROKU, tmp_path_factory.mktemp("heroku")):
        if program == "heroku":
            platform.call(*arguments)
        elif program == "git":
            check_of_git(platform, arguments)
        else:
            {"better": check_of_better, "curl": check_of_curl}[program](arguments)
    return platform


def test_heroku_guide_ends_with_an_app_for_each_of_the_four(platform: Platform) -> None:
    assert sorted(app.config["SERVICE"] for app in platform.apps.values()) == sorted(APPS)
    for name, app in platform.apps.items():
        assert name == f"my-better-{app.config['SERVICE']}"
        assert app.types == {"web": "basic"}, name
    gateway = platform.apps["my-better-gateway"]
    assert gateway.config["API_KEYS"] == KEYS
    assert gateway.addons == ["jawsdb-maria:kitefin"]
    for service in APPS[1:]:
        url = gateway.config[f"{service.upper()}_URL"]
        assert url == f"https://my-better-{service}.example.org"


def test_heroku_guide_sets_what_the_build_needs_before_it_pushes(platform: Platform) -> None:
    for name, app in platform.apps.items():
        if app.stack != "container":
            assert app.built_with, f"{name} was never pushed"
            assert app.built_with["SERVICE"] == app.config["SERVICE"]
            assert app.built_with["PIP_EXTRA_INDEX_URL"].startswith("https://download.pytorch.org/")


def test_heroku_guide_says_what_app_json_says(platform: Platform) -> None:
    listed = json.loads((REPOSITORY / "app.json").read_text())["env"]
    used = {name for app in platform.apps.values() for name in app.config}
    assert used - {"QUEUE_SECONDS"} <= set(listed)


@pytest.mark.parametrize(
    ("source", "service"), [(name, name) for name in APPS], indirect=["source"], ids=APPS
)
def test_app_of_the_heroku_guide_starts_with_its_settings(
    source: Path, service: str, platform: Platform, tmp_path: Path
) -> None:
    settings = platform.apps[f"my-better-{service}"].config
    with dyno(source, **settings, DATA_DIR=str(tmp_path / "data")) as running:
        running.wait_until_ready()
        secure = {"X-Forwarded-Proto": "https", "Host": "my-better.example.org"}
        page = httpx.get(f"{running.url}/", headers=secure, timeout=60)
        assert page.status_code == 200
        assert service == "gateway" or "https://my-better.example.org/" in page.text


def test_compose_guide_calls_what_there_is(tmp_path: Path) -> None:
    called: dict[str, list[list[str]]] = defaultdict(list)
    for program, *arguments in walk(COMPOSE, tmp_path):
        called[program].append(arguments)
    for arguments in called["docker"]:
        check_of_docker(arguments)
    for arguments in called["better"]:
        check_of_better(arguments)
    for arguments in called["curl"]:
        check_of_curl(arguments)
    assert set(called) == {"docker", "better", "curl"}


def check_of_docker(arguments: Sequence[str]) -> None:
    parser = Arguments("docker", allow_abbrev=False)
    kinds = {
        "compose up": ["--build", "--detach"],
        "compose ps": [],
        "compose logs": ["--follow"],
        "compose down": ["--volumes"],
        "build": ["--build-arg=", "--tag="],
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
        assert set(given.rest) <= set(APPS)
    elif kind == "build":
        assert (given.build_arg, given.rest) == ("SERVICE=vocoder", ["."])
    else:
        assert given.rest == ["better-vocoder"]
        assert given.publish.endswith(":8000")


@pytest.mark.parametrize("guide", [HEROKU, COMPOSE], ids=["heroku", "compose"])
def test_every_setting_that_a_guide_names_exists(guide: Path) -> None:
    known = (REPOSITORY / "docs/api.md").read_text() + (REPOSITORY / "app.json").read_text()
    foreign = {"HEAD", "WEB_CONCURRENCY", "DOCKER_DEFAULT_PLATFORM", "SIGTERM"}
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})(?:=[^`]*)?`", guide.read_text())) - foreign
    assert named
    assert {name for name in named if name not in known} == set()
