"""A fake Heroku with the commands of the guide."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from tests.conftest import REPOSITORY
from tests.support.guides import Arguments, NotTaken


@dataclass
class HerokuApp:
    stack: str
    remote: str | None
    config: dict[str, str] = field(default_factory=dict)
    addons: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    built_with: dict[str, str] | None = None
    """The settings at its first push."""


class Platform:
    """Raises NotTaken for input that Heroku would not accept."""

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
