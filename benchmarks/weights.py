"""Which weights a measurement runs: the bundled ones, or RTVC's full size."""

from pathlib import Path

import torch
from torch import nn

import synthesizer_service.hparams
from shared.checkpoint_writing import write
from synthesizer_service.model import Tacotron
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN


def write_full_size(folder: Path) -> None:
    """RTVC's architectures with random weights, as checkpoint folders under `folder`.

    The encoder is missing: the bundled one is RTVC's own, in full size.
    """
    torch.manual_seed(0)
    tacotron = Tacotron(synthesizer_service.hparams.Hparams())
    nn.init.constant_(tacotron.decoder.stop_proj.bias, -1e3)  # speaks to the last frame allowed
    models = {
        "synthesizer": tacotron,
        "vocoder": WaveRNN(WaveRNNHparams()),
    }
    for name, model in models.items():
        write(folder / name, model.state_dict(), source="random numbers", licence="none")
