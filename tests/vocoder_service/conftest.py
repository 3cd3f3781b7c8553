"""Two small random WaveRNNs and their engines: one made here, one of RTVC's golden vectors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.checkpoints.hparams import hparams_from
from shared.native import modules as native_modules
from vocoder_service.wavernn import native_engine
from vocoder_service.wavernn.engine import TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.native_engine import Precision

Golden = dict[str, NDArray[Any]]


@pytest.fixture(scope="session")
def tiny() -> WaveRNN:
    """A network of the golden one's size, which needs no reference data."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return small_network(fc_dims=24)


def small_network(fc_dims: int) -> WaveRNN:
    """rnn_dims 32: whole vectors of every instruction set."""
    sizes = Hparams(rnn_dims=32, fc_dims=fc_dims, compute_dims=16, res_out_dims=16, res_blocks=3)
    return WaveRNN(sizes).eval()


def precisions(instruction_set: str | None = None) -> list[Precision]:
    """Precisions of the native loop here, built for an instruction set or for the best."""
    names = native_engine.built()
    chosen = instruction_set or next(iter(names), None)
    if chosen not in names:
        return []
    half = native_modules.multiplies_bfloat16(native_engine.LOOP, chosen)
    return ["float32", "bfloat16"] if half else ["float32"]


@pytest.fixture(scope="session")
def tiny_engine(tiny: WaveRNN) -> TorchEngine:
    return TorchEngine(tiny)


@pytest.fixture(scope="session")
def vectors(golden: Path) -> Golden:
    """Outputs of RTVC's own code for the small network."""
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
    """The golden network."""
    model = WaveRNN(hparams)
    model.load_state_dict(rtvc_state)
    return model.eval()


@pytest.fixture(scope="session")
def engine(model: WaveRNN) -> TorchEngine:
    return TorchEngine(model)
