"""RTVC's full-size networks, with random weights: split, loaded, served and joined."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from torch import nn

from shared.checkpoints.writing import join
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds
from tests.conftest import running
from tests.support.full_size import random_network, write_full_size


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {name: random_network(name) for name in ("synthesizer", "vocoder")}


@pytest.fixture(scope="module")
def folder(networks: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full-size")
    for name, network in networks.items():
        write_full_size(name, network, folder)
    return folder


def test_they_have_the_size_of_rtvc(networks: dict[str, nn.Module]) -> None:
    sizes = {name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()}
    assert sizes["synthesizer"] // 10_000 == 3_087
    assert sizes["vocoder"] // 100_000 == 44


@pytest.mark.parametrize("name", ["synthesizer", "vocoder"])
def test_joined_checkpoint_holds_every_weight(
    networks: dict[str, nn.Module], folder: Path, tmp_path: Path, name: str
) -> None:
    join(folder / name, tmp_path / "joined.pt")
    joined = torch.load(tmp_path / "joined.pt", weights_only=True)["model_state"]
    wanted = networks[name].state_dict()
    assert list(joined) == list(wanted)
    for parameter, tensor in wanted.items():
        assert torch.equal(joined[parameter], tensor), parameter


def test_synthesizer_serves_it(folder: Path) -> None:
    body = {"text": "Full size.", "embed": sample_embeds()["ash"].tolist(), "seed": 1}
    with running("synthesizer", CHECKPOINTS_DIR=str(folder), MAX_FRAMES="60") as url:
        answer = httpx.post(f"{url}/inference/", json=body, timeout=120).raise_for_status()
    spec = np.array(answer.json()["spec"])
    assert spec.shape[0] == 80
    assert 1 <= spec.shape[1] <= 60
    assert np.isfinite(spec).all()


def test_vocoder_serves_it(folder: Path, mel: Float32Array) -> None:
    body = {"spec": mel[:, :8].tolist(), "seed": 1}
    with running("vocoder", VOCODER="wavernn", CHECKPOINTS_DIR=str(folder)) as url:
        answer = httpx.post(f"{url}/inference/", json=body, timeout=120).raise_for_status()
    assert len(answer.json()["wav"]) == 7 * 200
