"""A gateway in a process of its own, over stub services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.gateway import Settings
from tests.conftest import running
from tests.support.stub_services import StubServices

KEY = "sk-connectors"


@pytest.fixture(scope="session")
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    with StubServices() as services:
        environment = {**services.environment, "DATA_DIR": str(folder), "API_KEYS": KEY}
        with running("gateway", **environment) as url:
            yield url


@pytest.fixture
def settings(gateway_url: str) -> Settings:
    return Settings.model_validate({"gateway_url": gateway_url, "api_key": KEY})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path
