"""Fixtures that several test folders use."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).parents[1] / "../shared"

torch.set_num_threads(1)


def _folder_or_skip(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name}: reference data that is not part of the repository")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """Reference vectors made by RTVC's own code."""
    return _folder_or_skip("golden")


@pytest.fixture(scope="session")
def speech_samples() -> Path:
    """Real speech, five seconds a file."""
    return _folder_or_skip("samples")
