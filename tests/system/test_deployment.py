"""The files that deploy a service: it runs as Heroku and the image would run it, and they agree."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gateway_service.settings import Settings
from shared.services import DEFAULT_PORT, SERVICES, all_apps
from tests.conftest import REPOSITORY, START_SECONDS, free_port
from tests.test_import_rules import PACKAGES, imported

APPS = ["gateway", *SERVICES]
RUN_BY_NAME = {"gunicorn", "uvicorn", "uvicorn-worker", "python-multipart", "pymysql"}
"""Requirements that no module of ours imports."""
OF_EXTRAS = {"matplotlib", "mcp", "ray", "wyoming", "yaml"}
"""Modules that the extras bring: train, mcp, cluster, wyoming."""

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def web_command(folder: Path) -> list[str]:
    """The Procfile's `web` line, as its shell would split it."""
    (command,) = re.findall(r"^web: (.+)$", (folder / "Procfile").read_text(), re.M)
    return shlex.split(command)


def stages() -> dict[str, str]:
    """The Dockerfile's stages by name, each from its FROM on; the last one has none."""
    found = re.findall(r"^(FROM \S+(?: AS (\w+))?\n.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
    return {name: text for text, name in found}


def image_files(service: str) -> list[str]:
    """Paths that the Dockerfile copies into an app's image, relative to the repository."""
    own = stages()[service] + stages()[""]
    copied = re.findall(r"^COPY ([^-]\S*) (\S+)$", own, re.M)
    built = re.findall(r"^COPY --from=native \S+ \S+$", own, re.M)
    assert len(copied) + len(built) == len(re.findall(r"^COPY", own, re.M))
    return [source.replace("${SERVICE}", service) for source, _ in copied]


# It runs


@pytest.fixture
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A read-only folder with the files of one app's image, and the Procfile."""
    folder = tmp_path / "app"
    folder.mkdir()
    no_caches = shutil.ignore_patterns("__pycache__")
    for name in ["Procfile", *image_files(request.param)]:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, folder / name, ignore=no_caches)
        else:
            shutil.copy(REPOSITORY / name, folder / name)
    subprocess.run(["chmod", "-R", "a-w", folder], check=True)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def listing(folder: Path) -> dict[str, str]:
    """Every file with the hash of its content; the permissions do not bind a test run by root."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def environment(**variables: str) -> dict[str, str]:
    """Of a dyno: nothing of ours in it but `variables`, and the installed packages."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


@dataclass(frozen=True)
class Dyno:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/health/ready", timeout=START_SECONDS).raise_for_status()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(self.log.read_text())

    def is_gone(self) -> bool:
        """Whether no process of its group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@contextmanager
def dyno(folder: Path, **variables: str) -> Iterator[Dyno]:
    port = free_port()
    log = folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            web_command(folder),
            cwd=folder,
            env=environment(PORT=str(port), **variables),
            stdout=output,
            stderr=output,
            process_group=0,
        )
    started = Dyno(process, f"http://127.0.0.1:{port}", log)
    try:
        yield started
    finally:
        if not started.is_gone():
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("source", "service"), [(name, name) for name in SERVICES], indirect=["source"], ids=SERVICES
)
def test_service_runs_from_read_only_source_until_sigterm(source: Path, service: str) -> None:
    before = listing(source)
    with dyno(source, SERVICE=service, WEB_CONCURRENCY="4") as running:
        running.wait_until_ready()
        body = httpx.get(f"{running.url}/example.json", timeout=60).json()
        answer = httpx.post(f"{running.url}/inference/", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        os.killpg(running.process.pid, signal.SIGTERM)  # Heroku signals every process
        assert running.process.wait(timeout=30) == 0, running.log.read_text()
        assert running.is_gone()
        assert running.log.read_text().count("Booting worker") == 1
    assert listing(source) == before


@pytest.mark.parametrize("source", ["gateway"], indirect=True)
def test_gateway_runs_from_read_only_source_without_torch(source: Path, tmp_path: Path) -> None:
    before = listing(source)
    data, absent = tmp_path / "data", tmp_path / "absent"
    absent.mkdir()
    (absent / "torch.py").write_text("raise ImportError('there is no torch in this image')")
    variables = {"DATA_DIR": str(data), "PYTHONPATH": str(absent), "API_KEYS": "sk-one"}
    with dyno(source, SERVICE="gateway", **variables) as running:
        running.wait_until_ready()
        voices = httpx.get(f"{running.url}/v1/audio/voices").json()["voices"]
        assert len(voices) == 6
        assert httpx.get(f"{running.url}/v1/models").status_code == 401
        os.killpg(running.process.pid, signal.SIGTERM)
        assert running.process.wait(timeout=30) == 0, running.log.read_text()
        assert "Traceback" not in running.log.read_text()
    assert list(data.iterdir())
    assert listing(source) == before


@pytest.mark.parametrize("source", ["gateway"], indirect=True)
def test_worker_of_the_procfile_runs_from_the_image_of_the_gateway(source: Path) -> None:
    (command,) = re.findall(r"^worker: (.+)$", (source / "Procfile").read_text(), re.M)
    ended = subprocess.run(
        shlex.split(command),
        cwd=source,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: REDIS_URL is not set")


def test_gateway_that_anybody_could_use_does_not_start() -> None:
    refused = ended("gateway")
    assert refused.returncode != 0
    assert "set API_KEYS, or ALLOW_ANONYMOUS=true" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("service", APPS)
def test_setting_that_cannot_be_used_ends_the_start_by_name(service: str) -> None:
    refused = ended(service, MAX_BODY_BYTES="sk-secret")
    assert refused.returncode != 0
    assert "MAX_BODY_BYTES: " in refused.stderr
    assert "sk-secret" not in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("source", ["encoder"], indirect=True)
def test_log_is_an_object_a_line(source: Path) -> None:
    with dyno(source, SERVICE="encoder") as running:
        running.wait_until_ready()
        httpx.get(f"{running.url}/check", headers={"X-Request-ID": "mine-1"})
        running.process.terminate()
        running.process.wait(timeout=30)
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert all({"time", "level", "service", "message"} <= set(line) for line in lines)
    (about,) = [line for line in lines if line.get("request_id") == "mine-1"]
    assert (about["service"], about["route"], about["status"]) == ("encoder", "/check", 200)


@pytest.mark.parametrize("source", ["encoder"], indirect=True)
def test_sigterm_to_the_main_process_alone_ends_all(source: Path) -> None:
    with dyno(source, SERVICE="encoder") as running:
        running.wait_until_ready()
        running.process.terminate()  # as Docker does
        assert running.process.wait(timeout=30) == 0, running.log.read_text()
        assert running.is_gone()


def ended(service: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    return subprocess.run(
        web_command(REPOSITORY),
        cwd=REPOSITORY,
        env=environment(SERVICE=service, PORT=str(free_port()), **variables),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def gunicorn_settings(**variables: str) -> subprocess.CompletedProcess[str]:
    """gunicorn's settings in this environment, without loading an app."""
    script = "import runpy; c = runpy.run_path('gunicorn.conf.py'); print(c['workers'], c['bind'])"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("variables", [{}, {"SERVICE": ""}, {"SERVICE": "vocodr"}])
def test_unknown_service_ends_with_the_names_of_those_there_are(variables: dict[str, str]) -> None:
    command = subprocess.run(
        web_command(REPOSITORY),
        cwd=REPOSITORY,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert command.returncode != 0
    assert "SERVICE" in command.stderr
    assert all(name in command.stderr for name in APPS)
    assert "Traceback" not in command.stderr


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        ({}, "1 0.0.0.0:8000"),
        ({"WEB_CONCURRENCY": "4", "PORT": "5001"}, "1 0.0.0.0:5001"),
        ({"WORKERS": "2", "BIND_HOST": "::1"}, "2 [::1]:8000"),
    ],
)
def test_environment_sets_workers_and_address(variables: dict[str, str], printed: str) -> None:
    assert gunicorn_settings(SERVICE="vocoder", **variables).stdout.strip() == printed


@pytest.mark.parametrize("name", ["PORT", "WORKERS"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "99999"])
def test_impossible_number_is_refused_by_name(name: str, value: str) -> None:
    refused = gunicorn_settings(SERVICE="vocoder", **{name: value})
    assert refused.returncode != 0
    assert name in refused.stderr
    assert "Traceback" not in refused.stderr


# The files agree


@pytest.mark.parametrize("service", APPS)
def test_image_is_made_of_files_that_exist(service: str) -> None:
    for name in image_files(service):
        assert (REPOSITORY / name).exists(), name


def test_image_of_the_gateway_alone_is_without_torch() -> None:
    assert "pip install" not in "".join(stages()[name] for name in ["", *APPS])
    bases = {name: re.findall(r"^FROM (\S+)", text)[0] for name, text in stages().items()}
    assert [bases[name] for name in APPS] == ["packages", "torch", "torch", "torch"]
    assert bases["torch"] == "packages"
    assert "torch" not in stages()["packages"].partition("\n")[2]
    assert "pip install --no-cache-dir -r requirements-torch.txt" in stages()["torch"]


def test_image_runs_what_the_procfile_runs() -> None:
    *_, command = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.M)
    assert json.loads(command) == web_command(REPOSITORY)


def test_python_version_is_the_same_everywhere() -> None:
    version = (REPOSITORY / ".python-version").read_text().strip()
    assert set(re.findall(r"^FROM python:([\d.]+)", DOCKERFILE, re.M)) == {version}
    assert Requirement(f"python{PYPROJECT['project']['requires-python']}").specifier.contains(
        version
    )


def test_index_of_cpu_builds_is_the_same_everywhere() -> None:
    pattern = r"https://download\.pytorch\.org/[\w/]+"
    files = [
        "Dockerfile",
        "Makefile",
        "app.json",
        "bin/post_compile",
        "README.md",
        "docs/deploy-heroku.md",
    ]
    found = {file: set(re.findall(pattern, (REPOSITORY / file).read_text())) for file in files}
    assert set().union(*found.values()) == {"https://download.pytorch.org/whl/cpu"}
    assert all(found.values()), found


def test_app_json_is_of_herokus_form() -> None:
    manifest = json.loads((REPOSITORY / "app.json").read_text())
    documented = "name description keywords website repository logo success_url scripts env"
    documented += " formation addons buildpacks environments stack image"
    assert set(manifest) <= set(documented.split())
    assert all(set(variable) <= {"description", "value", "required", "generator"}
               for variable in manifest["env"].values())  # fmt: skip
    assert manifest["env"]["SERVICE"]["required"] is True
    assert manifest["formation"]["web"] == {"quantity": 1, "size": "basic"}
    assert manifest["buildpacks"] == [{"url": "heroku/python"}]


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """By canonical name."""
    stated = [line.partition(" #")[0] for line in lines if line and not line.startswith("#")]
    parsed = [Requirement(line) for line in stated]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


RUNTIME = requirements(PYPROJECT["project"]["dependencies"])
HASHED = ["requirements.txt", "requirements-dev.txt", "requirements-cluster.txt"]
LOCKS = [*HASHED, "requirements-torch.txt"]


def locked(file: str) -> dict[str, list[Requirement]]:
    """Requirements of a lock file by canonical name; several where they depend on the platform."""
    lines = re.findall(r"^([a-z][^\\\n]*)", (REPOSITORY / file).read_text(), re.M)
    found: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, lines):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_torch_is_pinned() -> None:
    assert str(RUNTIME["torch"]) == "torch==2.13.0"
    assert "torch==2.13.0" in PYPROJECT["dependency-groups"]["torch"]
    assert [str(pin) for pin in locked("requirements-torch.txt")["torch"]] == ["torch==2.13.0"]


@pytest.mark.parametrize("file", LOCKS)
def test_lock_pins_one_version_of_everything(file: str) -> None:
    for pins in locked(file).values():
        for pin in pins:
            assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        valid = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
        assert len(valid) <= 1


@pytest.mark.parametrize("file", HASHED)
def test_lock_has_hashes_of_everything(file: str) -> None:
    entries = (REPOSITORY / file).read_text().replace(" \\\n", " ").splitlines()
    for entry in entries:
        assert entry.startswith("#") or "--hash=sha256:" in entry, entry


def test_lock_holds_what_pyproject_asks_for() -> None:
    pins = locked("requirements.txt") | locked("requirements-torch.txt")
    assert_met(RUNTIME, pins)
    for extra in ("dev", "cluster"):
        wanted = requirements(PYPROJECT["project"]["optional-dependencies"][extra])
        assert_met(wanted, locked(f"requirements-{extra}.txt"))
    assert_met(requirements(PYPROJECT["dependency-groups"]["torch"]), pins)


def assert_met(wanted: dict[str, Requirement], pins: dict[str, list[Requirement]]) -> None:
    for name, requirement in wanted.items():
        for pin in pins[name]:
            (specifier,) = pin.specifier
            assert requirement.specifier.contains(specifier.version), (requirement, pin)


def test_locks_agree_with_each_other() -> None:
    all_pins = [locked(file) for file in LOCKS]
    for name in set().union(*all_pins):
        versions = [
            sorted(str(pin.specifier) for pin in pins[name]) for pins in all_pins if name in pins
        ]
        assert versions.count(versions[0]) == len(versions), name


def test_lock_of_the_gateway_is_without_torch() -> None:
    assert not locked("requirements.txt").keys() & {"torch", "sympy", "networkx"}


# Heroku's hook


def post_compile(folder: Path, service: str, pip: str = "exit 0") -> tuple[int, list[str]]:
    """The hook's exit code and calls of pip. pip: the script that runs in pip's place."""
    for native in (REPOSITORY / f"{service}_service").rglob("native"):
        (folder / native.relative_to(REPOSITORY)).mkdir(parents=True)
    (folder / f"{service}_service").mkdir(exist_ok=True)
    (folder / "bin").mkdir()
    (folder / "bin/pip").write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{pip}\n')
    (folder / "bin/python").write_text("#!/bin/sh\n")
    for program in (folder / "bin").iterdir():
        program.chmod(0o755)
    ended = subprocess.run(
        [REPOSITORY / "bin/post_compile"],
        cwd=folder,
        env={"PATH": f"{folder}/bin{os.pathsep}{os.defpath}", "SERVICE": service},
        capture_output=True,
        check=False,
    )
    calls = folder / "calls"
    return ended.returncode, calls.read_text().splitlines() if calls.exists() else []


def test_heroku_installs_torch_for_the_services_alone(tmp_path: Path) -> None:
    for service in SERVICES:
        (folder := tmp_path / service).mkdir()
        code, calls = post_compile(folder, service)
        assert code == 0
        assert calls[0] == "install --quiet --requirement requirements-torch.txt"
        assert ("pybind11" in calls[-1]) == (service != "encoder")
    (folder := tmp_path / "gateway").mkdir()
    assert post_compile(folder, "gateway") == (0, [])


def test_heroku_build_fails_without_torch(tmp_path: Path) -> None:
    code, calls = post_compile(tmp_path, "vocoder", pip="exit 1")
    assert (code, len(calls)) == (1, 1)


def test_heroku_build_goes_on_without_native_loops(tmp_path: Path) -> None:
    only_torch = 'case "$*" in *requirements-torch*) exit 0;; esac; exit 1'
    code, calls = post_compile(tmp_path, "vocoder", pip=only_torch)
    assert (code, len(calls)) == (0, 2)


def third_party_imports() -> set[str]:
    """Canonical names of the distributions that the runtime packages import."""
    runtime = set(PACKAGES) - {"training", "benchmarks", "tests"}  # these have extras of their own
    files = [file for package in runtime for file in (REPOSITORY / package).rglob("*.py")]
    modules = {name.partition(".")[0] for file in files for name in imported(file)}
    modules -= {*PACKAGES, *sys.stdlib_module_names, *OF_EXTRAS, "_typeshed"}
    distributions = packages_distributions()
    return {canonicalize_name(distributions[module][0]) for module in modules}


def test_requirements_are_what_runtime_code_imports() -> None:
    needed = third_party_imports() | RUN_BY_NAME
    assert needed - RUNTIME.keys() <= {"anyio", "pydantic-core"}  # come with others, by contract
    assert set(RUNTIME) - needed == set()


def test_requirements_hold_no_development_tool() -> None:
    development = requirements(PYPROJECT["project"]["optional-dependencies"]["dev"])
    assert not RUNTIME.keys() & development.keys()
    assert not RUNTIME.keys() & {"numba", "llvmlite", "torchaudio", "matplotlib"}


# Compose


@pytest.fixture(scope="module")
def compose() -> list[str]:
    """The command that reads Compose files: Docker's plugin, or the program of its own."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            probe = subprocess.run([*command, "version"], capture_output=True, check=False)
            if probe.returncode == 0:
                return command
    pytest.skip("neither docker compose nor docker-compose on the PATH")


def test_compose_file_is_accepted_and_names_the_apps(compose: list[str]) -> None:
    command = [*compose, "--file", "docker-compose.yml", "config", "--services"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    assert sorted(listed.stdout.split()) in (sorted(APPS), sorted([*APPS, "wyoming"]))


def test_compose_file_publishes_the_ports_of_make_serve() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    for service in APPS:
        assert f"SERVICE: {service} " in text
        assert f'"127.0.0.1:{DEFAULT_PORT + all_apps()[service].port_offset}:8000"' in text


def test_compose_file_lets_other_containers_call_the_gateway_by_its_name() -> None:
    assert (
        "ALLOWED_HOSTS: ${ALLOWED_HOSTS:-gateway}\n"
        in (REPOSITORY / "docker-compose.yml").read_text()
    )


def test_compose_file_lets_the_gateway_find_the_services_and_keep_its_data() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    for service in SERVICES:
        assert f"{service.upper()}_URL: http://{service}:8000\n" in text
    assert '["gateway-data:/app/data"]' in text
    assert "mkdir data && chown better data" in stages()["gateway"]
    assert Settings.model_fields["data_dir"].default == REPOSITORY / "data"
