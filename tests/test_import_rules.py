"""Rules of the source tree: imports between packages, files of each service, library internals."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import encoder_service.settings
import gateway_service.settings
import synthesizer_service.settings
import vocoder_service.settings

SETTINGS: list[type[BaseSettings]] = [
    encoder_service.settings.Settings,
    gateway_service.settings.Settings,
    synthesizer_service.settings.Settings,
    vocoder_service.settings.Settings,
]

REPOSITORY = Path(__file__).parents[1]
SERVICES = ["encoder_service", "synthesizer_service", "vocoder_service"]
OVER_HTTP = {"client", "gateway_service", "cli", "connectors", "deploy"}
"""Packages that reach the services over HTTP only."""
BUILDS_THE_APPS = "deploy/ray/apps.py"
"""A replica of Ray Serve is the app itself, as a gunicorn worker is."""
PACKAGES = sorted(path.parent.name for path in REPOSITORY.glob("*/__init__.py"))
SERVICE_MODULES = {"app", "settings", "schemas", "inference"}
NETWORK_MODULES = {"hparams", "model"}
NETWORKS = [
    "encoder_service",
    "synthesizer_service.tacotron",
    "vocoder_service.vocos",
    "vocoder_service.wavernn",
]


def imported(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_packages(package: str) -> dict[str, set[str]]:
    """Our own packages that each file of a package imports."""
    files = (REPOSITORY / package).rglob("*.py")
    return {
        str(file): {name.partition(".")[0] for name in imported(file)} & set(PACKAGES)
        for file in files
    }


@pytest.mark.parametrize("service", SERVICES)
def test_service_imports_only_itself_and_shared(service: str) -> None:
    for file, packages in imported_packages(service).items():
        assert packages <= {service, "shared"}, file


def test_shared_imports_only_itself() -> None:
    for file, packages in imported_packages("shared").items():
        assert packages <= {"shared"}, file


@pytest.mark.parametrize("package", sorted(OVER_HTTP & set(PACKAGES)))
def test_package_reaches_the_services_over_http_only(package: str) -> None:
    for file, packages in imported_packages(package).items():
        assert not packages & set(SERVICES) or file == str(REPOSITORY / BUILDS_THE_APPS), file


def test_apps_on_ray_import_only_the_factory_of_each_service() -> None:
    names = set(imported(REPOSITORY / BUILDS_THE_APPS))
    services = {name for name in names if name.partition(".")[0].endswith("_service")}
    assert services == {f"{name}.app.build_app" for name in [*SERVICES, "gateway_service"]}


def test_client_imports_only_itself_and_shared() -> None:
    for file, packages in imported_packages("client").items():
        assert packages <= {"client", "shared"}, file


def test_gateway_imports_only_itself_the_client_and_shared() -> None:
    for file, packages in imported_packages("gateway_service").items():
        assert packages <= {"gateway_service", "client", "shared"}, file


@pytest.mark.parametrize("package", sorted(set(PACKAGES) - {"cli", "tests", "benchmarks"}))
def test_nothing_imports_the_command(package: str) -> None:
    for file, packages in imported_packages(package).items():
        assert "cli" not in packages, file


def test_training_imports_itself_the_services_and_the_client() -> None:
    for file, packages in imported_packages("training").items():
        assert packages <= {"training", "shared", "client", *SERVICES}, file


@pytest.mark.parametrize("heavy", ["training", "gateway_service"])
def test_command_imports_its_heavy_parts_only_when_they_run(heavy: str) -> None:
    for file in (REPOSITORY / "cli").rglob("*.py"):
        module = ast.parse(file.read_text())
        at_start = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any(heavy in ast.unparse(node) for node in at_start), file


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_files(service: str) -> None:
    files = {file.stem for file in (REPOSITORY / service).glob("*.py")}
    assert files >= SERVICE_MODULES


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_the_same_files(network: str) -> None:
    files = {file.stem for file in (REPOSITORY / network.replace(".", "/")).glob("*.py")}
    assert files >= NETWORK_MODULES


@pytest.mark.parametrize("network", NETWORKS)
def test_network_knows_neither_fastapi_nor_settings(network: str) -> None:
    reached, waiting = set(), [f"{network}.model"]
    while waiting:
        module = waiting.pop()
        file = REPOSITORY / (module.replace(".", "/") + ".py")
        if module in reached or not file.is_file():
            continue
        reached.add(module)
        names = set(imported(file))
        assert not any(name.startswith(("fastapi", "starlette", "pydantic")) for name in names)
        assert not any("settings" in name for name in names), module
        # `from shared.audio.mel import X` names shared.audio.mel.X; follow the module.
        waiting += [name.rpartition(".")[0] for name in names] + list(names)


@pytest.mark.parametrize("network", ["vocos", "wavernn"])
def test_networks_of_the_vocoder_do_not_know_each_other(network: str) -> None:
    other = {"vocos": "wavernn", "wavernn": "vocos"}[network]
    for file in (REPOSITORY / "vocoder_service" / network).glob("*.py"):
        assert not any(f"vocoder_service.{other}" in name for name in imported(file)), file


@pytest.mark.parametrize("service", SERVICES)
def test_app_holds_routes_only(service: str) -> None:
    tree = ast.parse((REPOSITORY / service / "app.py").read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            assert function.name == "build_app" or any(
                isinstance(decorator, ast.Call) and ast.unparse(decorator.func).startswith("app.")
                for decorator in function.decorator_list
            ), f"{function.name} is not a route"
    assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))


LIBRARIES = [
    "anyio",
    "fastapi",
    "gunicorn",
    "h11",
    "httpcore",
    "httpx",
    "huey",
    "pydantic",
    "starlette",
    "uvicorn",
    "uvicorn_worker",
]
EXCEPTIONS = {"client/cancellable_transport.py"}  # httpx cannot cancel a request in a thread
PRIVATE = re.compile(r"_[a-zA-Z]\w*")
EVERY_FILE = [file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py")]


def private_names(tree: ast.Module) -> Iterator[str]:
    """Private names of LIBRARIES that a module imports, reads, sets or overrides."""
    of_library: dict[str, str] = {}  # library by the name that the module has for a part of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, alias in names_of(node):
                library, *rest = name.split(".")
                if library in LIBRARIES:
                    of_library[alias] = library
                    yield from (name for part in rest if PRIVATE.fullmatch(part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            root = ast.unparse(node.value).partition(".")[0]
            if root in of_library:
                yield ast.unparse(node)
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).partition("[")[0].partition(".")[0] for base in node.bases}
            if libraries := {of_library[base] for base in bases & of_library.keys()}:
                inherited = inherited_private_names(node, libraries)
                yield from (f"{node.name}.{name}" for name in inherited)


def names_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Full name of each import, and the name that the module gives it."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.name, alias.asname or alias.name.partition(".")[0]
        else:
            yield f"{node.module}.{alias.name}", alias.asname or alias.name


def inherited_private_names(node: ast.ClassDef, libraries: set[str]) -> set[str]:
    """Private names of `self` that a class uses, and that its library defines as well."""
    used = {
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and ast.unparse(inner.value) in ("self", "super()")
        and PRIVATE.fullmatch(inner.attr)
    }
    used |= {
        inner.name
        for inner in node.body
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        and PRIVATE.fullmatch(inner.name)
    }
    return {name for name in used if any(name in words_of(library) for library in libraries)}


@cache
def words_of(library: str) -> frozenset[str]:
    """Every private name in the source of a library."""
    folder = Path(import_module(library).__file__ or "").parent
    sources = (file.read_text(errors="replace") for file in folder.rglob("*.py"))
    return frozenset(name for source in sources for name in re.findall(r"\b_[a-zA-Z]\w*", source))


def test_no_module_uses_a_private_name_of_a_library() -> None:
    found = {
        str(file.relative_to(REPOSITORY)): [*private_names(ast.parse(file.read_text()))]
        for file in EVERY_FILE
    }
    assert {file for file, names in found.items() if names} <= EXCEPTIONS


@pytest.mark.parametrize(
    "source",
    [
        "from uvicorn._types import Scope",
        "import httpx\nhttpx._client",
        "from httpx import Client\nClient._send",
        "from starlette.requests import Request\n"
        "class Mine(Request):\n    def f(self): self._body = b''",
        "from uvicorn_worker import UvicornWorker\n"
        "class Mine(UvicornWorker):\n    def _serve(self): ...",
    ],
)
def test_private_name_of_a_library_would_be_found(source: str) -> None:
    assert [*private_names(ast.parse(source))]


IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not module.name.endswith((".env", "__main__")) and ".migrations." not in module.name:
            import_module(module.name)
"""
RUBBISH = "no value of any setting"


def test_import_reads_no_settings() -> None:
    names = {name.upper() for package in SETTINGS for name in package.model_fields}
    environment = {**os.environ, **dict.fromkeys(names, RUBBISH)}
    packages = [*SERVICES, "gateway_service", "client", "shared", "cli"]
    command = [sys.executable, "-c", IMPORT_ALL, *packages]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
