"""Plain sampling from WaveRNN: RTVC's loop of torch calls, as a baseline.

The loop of `WaveRNN.generate` in RTVC's `vocoder/models/fatchord_version.py`, written from the
architecture: folds as a batch, all conditioning at the sample rate. Neither it nor the engine that
is compared with it includes the folding before the loop and the crossfade after it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from vocoder_service.wavernn.model import WaveRNN


class PlainLoop:
    def __init__(self, model: WaveRNN) -> None:
        self._model = model
        self._rnn1, self._rnn2 = _cell(model.rnn1), _cell(model.rnn2)

    @torch.no_grad()
    def generate(self, mel: Tensor, samples: int) -> Tensor:
        """Sample each fold. mel: [B, 80, T + 2 pad] in ±1. Returns [B, samples] in ±1."""
        model, classes = self._model, self._model.hparams.classes
        mels, aux = model.upsample(mel)
        aux = aux.split(model.hparams.aux_dims, dim=2)
        h1 = h2 = mel.new_zeros(len(mel), model.hparams.rnn_dims)
        x = mel.new_zeros(len(mel), 1)
        output = []
        for n in range(samples):
            a1, a2, a3, a4 = (part[:, n] for part in aux)
            y = model.I(torch.cat([x, mels[:, n], a1], dim=1))
            h1 = self._rnn1(y, h1)
            y = y + h1
            h2 = self._rnn2(torch.cat([y, a2], dim=1), h2)
            y = y + h2
            y = F.relu(model.fc1(torch.cat([y, a3], dim=1)))
            y = F.relu(model.fc2(torch.cat([y, a4], dim=1)))
            posterior = Categorical(F.softmax(model.fc3(y), dim=1))
            label: Tensor = posterior.sample()  # type: ignore[no-untyped-call]
            x = 2 * label.float().unsqueeze(1) / (classes - 1) - 1
            output.append(x)
        return torch.cat(output, dim=1)


def _cell(rnn: nn.GRU) -> nn.GRUCell:
    """A cell with the GRU's weights, to run single steps."""
    cell = nn.GRUCell(rnn.input_size, rnn.hidden_size)
    weights = {name.removesuffix("_l0"): value for name, value in rnn.state_dict().items()}
    cell.load_state_dict(weights)
    return cell.requires_grad_(False)
