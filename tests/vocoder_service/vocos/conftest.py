"""A small random Vocos, for tests that do not depend on its weights."""

import pytest
import torch

from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import Vocos


@pytest.fixture(scope="session")
def model() -> Vocos:
    """Of large weights, so that every frame of the receptive field is heard."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Vocos(Hparams(dims=16, hidden_dims=24, blocks=3))
        for name, parameter in model.named_parameters():
            if name.endswith(("conv.weight", "pwconv1.weight", "pwconv2.weight")):
                torch.nn.init.normal_(parameter, std=0.3)
    return model.eval().requires_grad_(False)
