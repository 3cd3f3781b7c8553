"""Checkpoints of RTVC's full-size networks, as `better checkpoints split` makes them."""

from pathlib import Path

import torch
from torch import nn

import synthesizer_service.tacotron.hparams
from shared.checkpoints.writing import read_rtvc, write
from synthesizer_service.tacotron.model import Tacotron
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN


def random_network(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "synthesizer":
        return Tacotron(synthesizer_service.tacotron.hparams.Hparams())
    return WaveRNN(WaveRNNHparams())


def write_full_size(name: str, network: nn.Module, folder: Path) -> None:
    """Into `folder`/`name`, by way of a file as RTVC saves it."""
    file = folder / f"{name}.pt"
    torch.save({"model_state": network.state_dict(), "optimizer_state": {}}, file)
    write(folder / name, read_rtvc(file).state_dict, source="random", licence="MIT")
    file.unlink()
