"""The rules of the tree: imports, layout, names and sizes of modules, library internals."""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import encoder_service.settings
import gateway_service.settings
import synthesizer_service.settings
import vocoder_service.settings
from shared import services
from shared.audio.mel import MEL_FORMAT

SETTINGS: list[type[BaseSettings]] = [
    encoder_service.settings.Settings,
    gateway_service.settings.Settings,
    synthesizer_service.settings.Settings,
    vocoder_service.settings.Settings,
]

REPOSITORY = Path(__file__).parents[1]
SERVICES = [service.package for service in services.SERVICES.values()]
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
MAX_LINES, MIN_LINES = 400, 30  # of a module
NAMED_BY_RULE = {"__init__.py", "__main__.py", "settings.py", "hparams.py", "errors.py"}
"""Modules that other rules ask for, however short they are."""
SHORT_MODULES = {
    "shared/atomic_files.py": "one function that packages of every kind use",
    "shared/http/request_id.py": "a context variable that the log and the client read",
    "shared/http/weights_header.py": "a header that the services send and the client reads",
    "shared/text/lexicon.py": "limits that the gateway and the synthesizer both check",
    "benchmarks/cluster/apps.py": "imported by Ray's replicas, which need no more of the benchmark",
    "benchmarks/piper_joe.py": "one of the baselines, each a module of its name",
    "benchmarks/services.py": "used by most benchmarks",
    "gateway_service/string_limits.py": "limits that voices, jobs and speech share",
}
"""Modules of one small subject, with the reason why each stands alone."""


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


def test_apps_on_ray_import_only_the_factory_of_each_service_and_the_worker() -> None:
    names = set(imported(REPOSITORY / BUILDS_THE_APPS))
    services = {name for name in names if name.partition(".")[0].endswith("_service")}
    factories = {f"{name}.app.build_app" for name in [*SERVICES, "gateway_service"]}
    worker = {"gateway_service.jobs.worker.running_worker", "gateway_service.settings.Settings"}
    assert services == factories | worker


def test_client_imports_only_itself_and_shared() -> None:
    for file, packages in imported_packages("client").items():
        assert packages <= {"client", "shared"}, file


def test_gateway_imports_only_itself_the_client_and_shared() -> None:
    for file, packages in imported_packages("gateway_service").items():
        assert packages <= {"gateway_service", "client", "shared"}, file


STARTS_THE_COMMAND = "better_api"  # its __main__ is the command's entry


@pytest.mark.parametrize(
    "package", sorted(set(PACKAGES) - {"cli", STARTS_THE_COMMAND, "tests", "benchmarks"})
)
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
PRIVATE = re.compile(r"_[a-zA-Z]\w*")
EVERY_FILE = [file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py")]


def private_names(tree: ast.Module) -> Iterator[str]:
    """Private names of LIBRARIES that a module imports, reads, sets or overrides."""
    imported_as: dict[str, str] = {}  # full name of each part of a library, by its name here
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, alias in names_of(node):
                library, *rest = name.split(".")
                if library in LIBRARIES:
                    imported_as[alias] = name
                    yield from (name for part in rest if PRIVATE.fullmatch(part))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            if ast.unparse(node.value).partition(".")[0] in imported_as:
                yield ast.unparse(node)
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                first, *rest = ast.unparse(base).partition("[")[0].split(".")
                if first in imported_as:
                    known = names_inside(".".join([imported_as[first], *rest]))
                    yield from (f"{node.name}.{name}" for name in own_names(node) & known)


def names_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Full name of each import, and the name that the module gives it."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.name, alias.asname or alias.name.partition(".")[0]
        else:
            yield f"{node.module}.{alias.name}", alias.asname or alias.name


def own_names(node: ast.ClassDef) -> set[str]:
    """Private names that a class defines, and those of `self` that it uses."""
    used = {
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) in ("self", "super()")
    }
    defined = {
        inner.name
        for inner in node.body
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {name for name in used | defined if PRIVATE.fullmatch(name)}


@cache
def names_inside(class_name: str) -> set[str]:
    """Private names that a library's class, or one of its bases, has inside."""
    module, _, name = class_name.rpartition(".")
    kind = getattr(import_module(module), name)
    of_library = [base for base in kind.__mro__ if base.__module__.partition(".")[0] in LIBRARIES]
    return {name for base in of_library for name in re.findall(r"\b_[a-zA-Z]\w*", source_of(base))}


def source_of(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except OSError:  # a class without a statement of its own
        return inspect.getsource(import_module(kind.__module__))


WITHOUT_MIRROR = {"shared/text/lexicon.py": "constants alone"}


def test_every_module_of_shared_has_its_mirror_test() -> None:
    modules = [file for file in (REPOSITORY / "shared").rglob("*.py") if file.stem != "__init__"]
    names = {str(file.relative_to(REPOSITORY)) for file in modules} - WITHOUT_MIRROR.keys()
    mirrors = {
        name: REPOSITORY / "tests" / Path(name).with_stem(f"test_{Path(name).stem}")
        for name in names
    }
    assert {name for name, mirror in mirrors.items() if not mirror.exists()} == set()


def test_no_module_uses_a_private_name_of_a_library() -> None:
    found = {
        str(file.relative_to(REPOSITORY)): [*private_names(ast.parse(file.read_text()))]
        for file in EVERY_FILE
    }
    assert {file: names for file, names in found.items() if names} == {}


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


# Models


@pytest.mark.parametrize("network", NETWORKS)
def test_network_keeps_no_state_between_calls(network: str) -> None:
    """Only constructors assign to `self`, and nothing switches between training and evaluation."""
    folder = REPOSITORY / network.replace(".", "/")
    for file in sorted(folder.glob("*.py")):
        for module in _torch_modules(ast.parse(file.read_text())):
            for method in module.body:
                if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                    place = f"{file}: {module.name}.{method.name}"
                    assert not [*_assigned_attributes(method)], place
                    assert not _called_methods(method) & {"train", "eval"}, place


def _torch_modules(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Module" in ast.unparse(b) for b in node.bases):
            yield node


def _assigned_attributes(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _called_methods(function: ast.FunctionDef) -> set[str]:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {function.attr for function in calls if isinstance(function, ast.Attribute)}


def test_mel_format_is_one_frozen_object_with_the_values_of_rtvc() -> None:
    values = {
        "sample_rate": 16_000,
        "n_fft": 800,
        "hop_length": 200,
        "win_length": 800,
        "n_mels": 80,
        "fmin": 55,
        "fmax": 7600,
        "preemphasis": 0.97,
        "min_level_db": -100,
        "ref_level_db": 20,
        "max_abs": 4,
    }
    assert values.items() <= asdict(MEL_FORMAT).items()
    with pytest.raises(FrozenInstanceError):
        MEL_FORMAT.n_mels = 40  # type: ignore[misc]


# One table of services


def test_no_module_lists_the_services_once_more() -> None:
    names = set(services.SERVICES)
    for file in source_files():
        if file.parent.name == "checkpoints" or file.name == "services.py":
            continue  # models that have the names of services; the table itself
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.List | ast.Tuple | ast.Set):
                listed = {item.value for item in node.elts if isinstance(item, ast.Constant)}
                assert not names <= listed, f"{file}:{node.lineno}: use shared.services.SERVICES"


def test_no_module_repeats_a_port_of_the_services() -> None:
    table = REPOSITORY / "shared/services.py"
    ports = [services.DEFAULT_PORT + app.port_offset for app in services.SERVICES.values()]
    pattern = re.compile("|".join(rf"\b{port}\b" for port in ports))
    for file in source_files():
        assert file == table or not pattern.search(file.read_text()), file


# Names and sizes of modules


def source_files() -> list[Path]:
    packages = [REPOSITORY / package for package in PACKAGES if package != "tests"]
    return sorted(file for package in packages for file in package.rglob("*.py"))


def test_modules_have_the_size_of_one_subject() -> None:
    sizes = {file: len(file.read_text().splitlines()) for file in source_files()}
    assert [file for file, lines in sizes.items() if lines > MAX_LINES] == []
    short = [file.relative_to(REPOSITORY) for file, lines in sizes.items() if lines < MIN_LINES]
    assert set(SHORT_MODULES) <= set(map(str, short)), "delete the exceptions that are not needed"
    unexplained = [
        file
        for file in short
        if file.name not in NAMED_BY_RULE
        and "migrations" not in file.parts  # as long as the change of the tables
        and str(file) not in SHORT_MODULES
    ]
    assert unexplained == []


def test_no_module_has_an_empty_name() -> None:
    """Names such as `utils` do not describe their content."""
    names = {file.stem for file in source_files()}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_limits_are_named_max_and_min() -> None:
    other = re.compile(r"_?(MOST|LEAST|LONGEST|SHORTEST|LARGEST|SMALLEST|HIGHEST|LOWEST)_")
    for file in [*source_files(), *(REPOSITORY / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                assert not other.match(node.id), f"{file}: {node.id}; use MAX_ or MIN_"
