from pathlib import Path

import pytest

from tests.support.tiny_training import tiny_data
from training.data.clips import ClipFolder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    """Five clips with features. Read-only."""
    return tiny_data(tmp_path_factory.mktemp("training-data"))


@pytest.fixture(params=["synthesizer", "vocoder", "vocos"])
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"
