"""The small random WaveRNN of the golden vectors, and its engine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.hparams import hparams_from
from vocoder_service.engine import TorchEngine
from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN

Golden = dict[str, NDArray[Any]]


@pytest.fixture(scope="session")
def vectors(golden: Path) -> Golden:
    """What RTVC's own code computed with the small network."""
    with np.load(golden / "wavernn_tiny.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def hparams(vectors: Golden) -> Hparams:
    return hparams_from(Hparams, json.loads(str(vectors["config"])))


@pytest.fixture(scope="session")
def rtvc_state(golden: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(golden / "wavernn_tiny.pt", weights_only=True)
    return state


@pytest.fixture(scope="session")
def model(hparams: Hparams, rtvc_state: dict[str, torch.Tensor]) -> WaveRNN:
    model = WaveRNN(hparams)
    model.load_state_dict(rtvc_state)
    return model.eval()


@pytest.fixture(scope="session")
def engine(model: WaveRNN) -> TorchEngine:
    return TorchEngine(model)
