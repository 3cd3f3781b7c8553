"""The rules that keep the house simple: who may import whom, and what lies where."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SERVICES = ["encoder_service", "synthesizer_service", "vocoder_service"]
OVER_HTTP = {"client", "gateway_service", "cli", "connectors", "deploy"}
"""Packages that reach the services over HTTP only."""
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
        assert not packages & set(SERVICES), file


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
            assert any(
                isinstance(decorator, ast.Call) and ast.unparse(decorator.func).startswith("app.")
                for decorator in function.decorator_list
            ), f"{function.name} is not a route"
    assert not any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))
