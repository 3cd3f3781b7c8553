"""Weights for a measurement: the bundled ones, or random ones of RTVC's full size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import synthesizer_service.tacotron.hparams
from shared.checkpoints.writing import write
from synthesizer_service.tacotron.model import Tacotron
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN

SERVED: dict[str, tuple[str, dict[str, str]]] = {
    "encoder": ("encoder", {}),
    "synthesizer": ("synthesizer", {}),
    "vocos": ("vocoder", {"VOCODER": "vocos"}),
    "vocoder": ("vocoder", {"VOCODER": "wavernn"}),
}
"""Service and settings for each folder under checkpoints/."""


@dataclass(frozen=True)
class Serving:
    """A service with the weights of one folder. name: its label in tables."""

    name: str
    service: str
    folder: Path
    settings: Mapping[str, str]


def servings(weights: Mapping[str, Path]) -> Iterator[Serving]:
    """All models that exist. weights: checkpoint folders by name."""
    for called, folder in weights.items():
        for model, (service, settings) in SERVED.items():
            if (folder / model).is_dir():
                network = f" ({settings['VOCODER']})" if settings else ""
                yield Serving(f"{service}{network}, {called}", service, folder, settings)


def write_full_size(folder: Path) -> None:
    """RTVC's architectures with random weights, as checkpoint folders under `folder`.

    Without an encoder, as the bundled one is RTVC's, in full size.
    """
    torch.manual_seed(0)
    tacotron = Tacotron(synthesizer_service.tacotron.hparams.Hparams())
    nn.init.constant_(tacotron.decoder.stop_proj.bias, -1e3)  # speaks to the last frame allowed
    models = {
        "synthesizer": tacotron,
        "vocoder": WaveRNN(WaveRNNHparams()),
    }
    for name, model in models.items():
        write(folder / name, model.state_dict(), source="random numbers", licence="none")
