"""What Windows and macOS lack is not needed: with those names hidden, everything still runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from shared import operating_system
from tests.conftest import REPOSITORY
from tests.support.serve_command import better_serve

HIDDEN_NAMES = REPOSITORY / "tests/support/hidden_names"
PACKAGES = ["shared", "client", "cli", "connectors", "training", "better_api"]
PACKAGES += [folder.name for folder in REPOSITORY.glob("*_service")]
IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not module.name.endswith(UNUSED) and ".migrations." not in module.name:
            import_module(module.name)
"""
UNUSED = ("__main__", ".env", "gunicorn_worker", "connectors.mcp")
"""mcp imports fcntl, except where sys.platform is win32."""


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(HIDDEN_NAMES), str(REPOSITORY)])}


def test_no_module_imports_what_windows_lacks(environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", f"UNUSED = {UNUSED}\n{IMPORT_ALL}", *PACKAGES]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_hidden_names_are_hidden(environment: dict[str, str]) -> None:
    program = "import os\nprint(hasattr(os, 'killpg'))\nimport fcntl"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "False\n"
    assert "ModuleNotFoundError" in ended.stderr


@pytest.fixture
def gateway(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    settings = {**environment, "DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with better_serve([sys.executable, "-m", "cli"], REPOSITORY, settings) as variables:
        yield variables["GATEWAY_URL"]


def test_services_speak_under_uvicorn_alone(gateway: str) -> None:
    spoken = httpx.post(
        f"{gateway}/v1/audio/speech", json={"input": "Good morning.", "voice": "ash"}, timeout=60
    )
    assert spoken.headers["content-type"] == "audio/mpeg"
    form = {"name": "mine", "consent": "I am the speaker, and I agree."}
    files = {"audio_sample": (REPOSITORY / "samples/rowan.wav").read_bytes()}
    made = httpx.post(f"{gateway}/v1/audio/voices", data=form, files=files, timeout=60)
    assert made.is_success, made.text


def test_lock_holds_until_the_file_is_closed(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a+b") as first, (tmp_path / "lock").open("a+b") as second:
        operating_system.lock_file(first)
        with pytest.raises(BlockingIOError):
            operating_system.lock_file(second, wait=False)
        first.close()
        operating_system.lock_file(second, wait=False)


class FakeMsvcrt(SimpleNamespace):
    """Windows' locks: a byte that another process has locked raises OSError."""

    LK_NBLCK = 2

    def locking(self, _: int, mode: int, size: int) -> None:
        assert (mode, size) == (self.LK_NBLCK, 1)
        self.tries += 1
        if self.tries <= self.refusals:
            raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(("refusals", "tries"), [(0, 1), (2, 3)])
def test_windows_lock_waits_and_leaves_the_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, tries: int
) -> None:
    msvcrt = FakeMsvcrt(tries=0, refusals=refusals)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(operating_system, "_LOCK_POLL_SECONDS", 0)
    with (tmp_path / "lock").open("a+b") as file:
        file.write(b"abc")
        operating_system.lock_file(file)
        assert file.tell() == 3
    assert msvcrt.tries == tries


def test_windows_lock_of_another_process_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", FakeMsvcrt(tries=0, refusals=1))
    with (tmp_path / "lock").open("a+b") as file, pytest.raises(BlockingIOError):
        operating_system.lock_file(file, wait=False)


@pytest.mark.parametrize(
    ("platform", "wanted"),
    [
        ("linux", ".local/share/better-api"),
        ("darwin", "Library/Application Support/better-api"),
        ("win32", "AppData/Local/better-api"),
    ],
)
def test_data_of_an_installed_program_lie_where_the_system_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, wanted: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert operating_system.data_folder() == tmp_path / wanted
