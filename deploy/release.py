"""`make release VERSION=1.2.3`: the changelog's date, the version, the wheels, a commit and a tag.

Nothing leaves the machine. At the end it prints the checklist of the steps by hand.
"""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import click

from shared.services import all_apps
from shared.settings import REPOSITORY

CHANGELOG, VERSION_FILE = "CHANGELOG.md", "shared/__init__.py"
PLATFORMS = "linux/amd64,linux/arm64"
TARGETS = ("ray", "wyoming")
"""Targets of the Dockerfile besides the four apps."""
_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
CHECKLIST = """
{version} is committed and tagged here. What is left:

[ ] git show {tag}: the date, the version, the notes
[ ] the upgrading page names each change that an operator must act on
[ ] in an empty environment: pip install dist/{name}-py3-none-any.whl, better --version, better demo
[ ] the images, each pushed under this name:
{images}
[ ] git push origin HEAD {tag}; wait for CI
[ ] a release of {tag} with its section of the changelog, and the wheels in dist/
[ ] CHANGELOG.md: a new section "## [Unreleased]"
"""


@click.command()
@click.argument("version")
def main(version: str) -> None:
    """Commit and tag a release, and build its wheels into dist/."""
    release(REPOSITORY, version, build_wheels)
    click.echo(checklist(version))


def release(root: Path, version: str, build: Callable[[Path], None]) -> None:
    """Release the repository in `root`. build: makes the wheels of the tree as it then is.

    Raises ClickException, with nothing changed, if the version, the tree or the changelog forbids
    it. If `build` fails, the files are as before.
    """
    _check(root, version)
    changelog, module = root / CHANGELOG, root / VERSION_FILE
    before = {file: file.read_text() for file in (changelog, module)}
    changelog.write_text(dated(before[changelog], version, date.today()))
    line = f'__version__ = "{version}"'
    module.write_text(re.sub(r'^__version__ = ".*"$', line, before[module], flags=re.M))
    try:
        build(root)
    except BaseException:
        for file, content in before.items():
            file.write_text(content)
        raise
    if _git(root, "status", "--porcelain"):
        _git(root, "commit", "--all", "--quiet", "--message", f"Release {version}")
    notes = section(changelog.read_text(), version)
    _git(root, "tag", "--annotate", f"v{version}", "--cleanup=verbatim", "--message", notes)


def _check(root: Path, version: str) -> None:
    if not _VERSION.fullmatch(version):
        raise click.ClickException(f"VERSION is {version!r}; give three numbers, such as 1.2.3")
    if changed := _git(root, "status", "--porcelain"):
        raise click.ClickException(f"the tree has changes; commit them first:\n{changed}")
    if _git(root, "tag", "--list", f"v{version}"):
        raise click.ClickException(f"the tag v{version} exists; choose another VERSION")


def dated(changelog: str, version: str, day: date) -> str:
    """The changelog with the section "Unreleased", or the version's own on top, dated `day`."""
    first = re.search(r"^## \[(.+?)\].*$", changelog, re.M)
    if first is None or first[1] not in ("Unreleased", version):
        raise click.ClickException(
            f'{CHANGELOG}: the first section is not "## [Unreleased]"; write down what changed'
        )
    if not section(changelog, first[1]):
        raise click.ClickException(f"{CHANGELOG}: the first section is empty; write what changed")
    return f"{changelog[: first.start()]}## [{version}] - {day:%Y-%m-%d}{changelog[first.end() :]}"


def section(changelog: str, version: str) -> str:
    """The text of a version's section, without its heading."""
    found = re.search(
        rf"^## \[{re.escape(version)}\].*?$(.*?)(?=^## |\Z)", changelog, re.M | re.DOTALL
    )
    return found[1].strip() if found else ""


def build_wheels(root: Path) -> None:
    """The wheel for every system, and the one with native loops for this machine."""
    for loops in ("0", "1"):
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", "."],
            cwd=root,
            env={**os.environ, "NATIVE_LOOPS": loops},
            check=True,
        )
    check_loops(max((root / "dist").glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime))


def check_loops(wheel: Path) -> None:
    """Raises ClickException for a wheel without loops; setup.py leaves out those that fail."""
    with zipfile.ZipFile(wheel) as files:
        if not any(name.endswith(".so") for name in files.namelist()):
            raise click.ClickException(
                f"{wheel.name} has no native loop; install g++, or see why it failed above"
            )


def checklist(version: str) -> str:
    """The steps that are left after `release`."""
    options = {app: f"--build-arg SERVICE={app}" for app in all_apps()}
    options |= {target: f"--target {target}" for target in TARGETS}
    images = "\n".join(
        f"    docker buildx build --platform {PLATFORMS} {option} --tag better-{name}:{version} ."
        for name, option in options.items()
    )
    name = f"better_api-{version}"
    return CHECKLIST.format(version=version, tag=f"v{version}", name=name, images=images)


def _git(root: Path, *command: str) -> str:
    ended = subprocess.run(
        ["git", *command], cwd=root, stdout=subprocess.PIPE, text=True, check=True
    )
    return ended.stdout.strip()


if __name__ == "__main__":
    main()
