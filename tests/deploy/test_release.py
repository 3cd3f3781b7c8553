"""`make release`, in a small repository with the files that it changes."""

import re
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import click
import pytest

from deploy.release import TARGETS, check_loops, checklist, dated, release, section
from shared.services import all_apps
from tests.conftest import REPOSITORY

NOTES = "### Added\n\n- A thing that users see.\n\n# not a comment"
CHANGELOG = f"# Changelog\n\n## [Unreleased]\n\n{NOTES}\n\n## [0.1.0] - 2026-01-02\n\n- Old.\n"


def git(folder: Path, *command: str) -> str:
    identity = ["-c", "user.name=Ash", "-c", "user.email=ash@example.org"]
    ended = subprocess.run(
        ["git", *identity, *command], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ash")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ash@example.org")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/__init__.py").write_text('"""Doc."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def version_seen(folder: Path) -> str:
    return (folder / "shared/__init__.py").read_text().split('"')[-2]


def test_release_is_dated_versioned_built_committed_and_tagged(root: Path) -> None:
    built: list[str] = []
    release(root, "0.2.0", lambda folder: built.append(version_seen(folder)))
    assert built == ["0.2.0"]
    assert f"## [0.2.0] - {date.today():%Y-%m-%d}\n" in git(root, "show", "v0.2.0:CHANGELOG.md")
    assert '__version__ = "0.2.0"' in git(root, "show", "v0.2.0:shared/__init__.py")
    assert git(root, "log", "-1", "--format=%s") == "Release 0.2.0"
    assert git(root, "tag", "--list", "--format=%(contents)") == NOTES
    assert git(root, "status", "--porcelain") == ""


def test_failed_build_leaves_everything_as_it_was(root: Path) -> None:
    def fail(_: Path) -> None:
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError):
        release(root, "0.2.0", fail)
    assert git(root, "status", "--porcelain") == git(root, "tag", "--list") == ""


@pytest.mark.parametrize(
    ("version", "change", "message"),
    [
        ("next", None, "three numbers"),
        ("1.2", None, "three numbers"),
        ("0.1.0", None, "v0.1.0 exists"),
        ("0.2.0", "file", "commit them first"),
        ("0.2.0", "## [0.1.0]\n\n- Old.\n", "is not"),
        ("0.2.0", "## [Unreleased]\n\n## [0.1.0]\n\n- Old.\n", "is empty"),
    ],
)
def test_release_that_is_not_ready_changes_nothing(
    root: Path, version: str, change: str | None, message: str
) -> None:
    git(root, "tag", "v0.1.0")
    if change == "file":
        (root / "new").write_text("")
    elif change:
        (root / "CHANGELOG.md").write_text(change)
        git(root, "commit", "--all", "--quiet", "--message", "Change")
    before = git(root, "status", "--porcelain")
    with pytest.raises(click.ClickException, match=message):
        release(root, version, lambda _: pytest.fail("built"))
    assert git(root, "status", "--porcelain") == before
    assert git(root, "tag", "--list") == "v0.1.0"


def test_version_that_has_its_section_already_gets_a_new_date() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    version = changelog.partition("## [")[2].partition("]")[0]
    version = "9.9.9" if version == "Unreleased" else version
    again = dated(changelog, version, date(2030, 1, 2))
    assert f"## [{version}] - 2030-01-02\n" in again
    assert section(again, version).startswith("###")


def test_checklist_names_every_image() -> None:
    text = checklist("1.2.3")
    assert [app for app in all_apps() if f"--tag better-{app}:1.2.3 ." in text] == [*all_apps()]
    for target in TARGETS:
        assert f"--target {target} --tag better-{target}:1.2.3 ." in text
    assert "better_api-1.2.3-py3-none-any.whl" in text


def test_targets_are_those_of_the_dockerfile() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert set(TARGETS) == set(re.findall(r"^# docker build --target (\w+):", dockerfile, re.M))


@pytest.mark.parametrize("name", ["_decoder_loop_avx2.so", "inference.py"])
def test_release_needs_native_loops(tmp_path: Path, name: str) -> None:
    wheel = tmp_path / "better_api-1.2.3-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr(f"better_api/{name}", b"")
    if name.endswith(".so"):
        check_loops(wheel)
    else:
        with pytest.raises(click.ClickException, match="no native loop"):
            check_loops(wheel)
