"""The wheel: built, installed outside the repository, and used as an operator would."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import soundfile

from shared import __version__
from tests.conftest import REPOSITORY
from tests.support.serve_command import better_serve
from tests.test_import_rules import PACKAGES

MAX_BYTES = 35_000_000
IMPORT_ALL = """
import pkgutil, better_api
from importlib import import_module
for module in pkgutil.walk_packages(better_api.__path__, "better_api."):
    if ".migrations." not in module.name and not module.name.endswith("__main__"):
        try:
            import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name.partition(".")[0] not in EXTRAS:
                raise
"""
EXTRAS = {"ray", "wyoming", "mcp"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel without native loops, of a copy of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run(
        [*command, "--wheel-dir", folder, source],
        env={**os.environ, "NATIVE_LOOPS": "0"},
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel, and a home folder. It cannot see the repository."""

    python: Path
    home: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python.parent / command[0], *command[1:]],
            cwd=self.home,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self.home), **variables}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel alone; its requirements are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--quiet", str(wheel)], check=True)
    (packages,) = folder.glob("venv/lib/*/site-packages")
    # A folder on the path this way brings its packages, and none of its own .pth files, such as
    # that of the editable installation of the repository.
    (packages / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    (folder / "home").mkdir()
    return Installation(python, folder / "home")


def test_wheel_holds_one_package_and_nothing_more(wheel: Path) -> None:
    assert wheel.name == f"better_api-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < MAX_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = f"better_api-{__version__}.dist-info"
        assert {name.partition("/")[0] for name in names} == {"better_api", info}
        assert archive.read(f"{info}/top_level.txt") == b"better_api\n"
    ours = {name.removeprefix("better_api/") for name in names}
    assert {
        "py.typed",
        "gunicorn.conf.py",
        "checkpoints/vocos/manifest.json",
        "samples/ash.wav",
        "samples/embeds.json",
        "gateway_service/page/static/index.html",
        "gateway_service/storage/migrations/env.py",
        "gateway_service/storage/migrations/versions/r0001_voices.py",
        "deploy/ray/serve.yaml",
        "training/native/lstm.cpp",
    } <= ours
    assert not [name for name in ours if name.startswith(("tests", "benchmarks", "docs"))]


def test_names_of_the_repository_stay_free(installed: Installation) -> None:
    found = installed.run(
        "python",
        "-c",
        "import better_api.cli.main, importlib.util as u\n"
        f"print([name for name in {PACKAGES} if name != 'better_api' and u.find_spec(name)])",
    )
    assert found.stdout == "[]\n", found.stderr


def test_every_module_can_be_imported(installed: Installation) -> None:
    ended = installed.run("python", "-c", f"EXTRAS = {EXTRAS}\n{IMPORT_ALL}")
    assert ended.returncode == 0, ended.stderr


def test_nothing_of_the_repository_is_on_the_path(installed: Installation) -> None:
    shown = installed.run(
        "python",
        "-c",
        "import sys, better_api.cli.main as main\nprint(*sys.path, main.__file__, sep='\\n')",
    )
    paths = [(installed.home / line).resolve() for line in shown.stdout.splitlines()]
    packages = Path(sysconfig.get_path("purelib")).resolve()  # may lie in the repository
    assert packages in paths
    assert not [path for path in paths if path != packages and path.is_relative_to(REPOSITORY)]


def test_command_states_its_version_and_commands(installed: Installation) -> None:
    assert installed.run("better", "--version").stdout == f"better, version {__version__}\n"
    assert installed.run("python", "-m", "better_api", "--version").stdout.endswith("0.2.0\n")
    listed = installed.run("better", "--help").stdout
    assert {"speak", "serve", "demo"} <= set(re.findall(r"^  (\w+)", listed, re.M))


def test_app_starts_without_gunicorn(installed: Installation) -> None:
    ended = installed.run(
        "python", "-m", "better_api.shared.http.uvicorn_process", SERVICE="chorus"
    )
    assert ended.returncode == 1
    assert "SERVICE is 'chorus'; set it to one of gateway, encoder" in ended.stderr


def test_demo_speaks(installed: Installation) -> None:
    ended = installed.run("better", "demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert soundfile.info(installed.home / "demo/speech.wav").duration > 3


@pytest.fixture(scope="module")
def gateway(installed: Installation) -> Iterator[tuple[str, dict[str, str]]]:
    """URL of the gateway of `better serve`, and the variables that it prints for clients."""
    better = installed.python.parent / "better"
    environment = installed.environment(PYTHONUNBUFFERED="1")
    with better_serve([better], installed.home, environment) as variables:
        yield variables["GATEWAY_URL"], variables


def test_installed_gateway_serves_its_page(gateway: tuple[str, dict[str, str]]) -> None:
    url, _ = gateway
    assert "<title>" in httpx.get(url).text
    assert httpx.get(f"{url}/static/main.js").is_success
    assert httpx.get(f"{url}/openapi.json").json()["info"]["version"] == __version__


def test_installed_gateway_migrates_a_database_in_the_users_folder(
    gateway: tuple[str, dict[str, str]], installed: Installation
) -> None:
    url, _ = gateway
    assert len(httpx.get(f"{url}/v1/audio/voices").json()["voices"]) == 6
    folder = installed.home / ".local/share/better-api"
    (file,) = folder.glob("*.sqlite*3")
    with closing(sqlite3.connect(file)) as connection:
        ((revision,),) = connection.execute("SELECT version_num FROM alembic_version")
    versions = (REPOSITORY / "gateway_service/storage/migrations/versions").glob("r*.py")
    assert revision == max(path.stem[1:5] for path in versions)


def test_installed_command_speaks_through_the_services(
    gateway: tuple[str, dict[str, str]], installed: Installation
) -> None:
    _, variables = gateway
    out = installed.home / "hello.wav"
    speak = ["better", "speak", "--voice", "birch", "--text", "Good morning.", "--out", str(out)]
    ended = installed.run(*speak, **variables)
    assert ended.returncode == 0, ended.stderr
    assert soundfile.info(out).duration > 0.5


def test_installed_gateway_speaks_and_decodes_samples(
    gateway: tuple[str, dict[str, str]],
) -> None:
    url, _ = gateway
    spoken = httpx.post(
        f"{url}/v1/audio/speech", json={"input": "Good morning.", "voice": "ash"}, timeout=60
    )
    assert spoken.headers["content-type"] == "audio/mpeg"
    form = {"name": "mine", "consent": "I am the speaker, and I agree."}
    sample = (REPOSITORY / "samples/rowan.wav").read_bytes()
    made = httpx.post(
        f"{url}/v1/audio/voices", data=form, files={"audio_sample": sample}, timeout=60
    )
    assert made.is_success, made.text
