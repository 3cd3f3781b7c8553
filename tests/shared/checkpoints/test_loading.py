"""From a folder to a model, without the memory of a second one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.checkpoints.reading import CheckpointError
from shared.checkpoints.writing import write
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN

TINY = Hparams(rnn_dims=8, fc_dims=8, compute_dims=8, res_out_dims=8, res_blocks=1)


def build(architecture: Mapping[str, Any]) -> WaveRNN:
    return WaveRNN(hparams_from(Hparams, architecture))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "vocoder", WaveRNN(TINY).state_dict(), source="test", licence="MIT")
    return tmp_path / "vocoder"


def test_model_holds_the_weights_of_the_folder(folder: Path) -> None:
    model, twin = (load_model(folder, build, has_mel_format=True) for _ in range(2))
    assert not model.training
    assert model.hparams == TINY
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, twin.state_dict()[name], rtol=0, atol=0)


def test_building_fills_no_parameter_but_only_while_it_builds(folder: Path) -> None:
    weight = torch.full((3,), 7.0)

    def watched(architecture: Mapping[str, Any]) -> WaveRNN:
        torch.nn.init.uniform_(weight)
        return build(architecture)

    load_model(folder, watched, has_mel_format=True)
    assert weight.tolist() == [7.0] * 3
    assert torch.nn.init.uniform_(weight).max() < 1


def test_folder_of_another_model_is_refused(folder: Path) -> None:
    renamed = folder.rename(folder.with_name("synthesizer"))
    with pytest.raises(CheckpointError, match="manifest is that of a vocoder"):
        load_model(renamed, build, has_mel_format=True)


def test_other_mel_format_is_refused_by_key(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"hop_length": 200', '"hop_length": 256', 1))
    with pytest.raises(CheckpointError, match="hop_length"):
        load_model(folder, build, has_mel_format=True)


def test_unknown_hyperparameter_is_refused_by_name(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"rnn_dims"', '"nonsense": 1, "rnn_dims"', 1))
    with pytest.raises(CheckpointError, match="nonsense"):
        load_model(folder, build, has_mel_format=True)
