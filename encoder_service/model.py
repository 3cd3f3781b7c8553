"""The speaker encoder: an LSTM over mel frames, a projection, a unit-length embedding.

L. Wan et al., "Generalized End-to-End Loss for Speaker Verification", arXiv:1710.10467.
Parameter names and ReLU are those of RTVC's `encoder/model.py`. RTVC divides by the norm + 1e-5;
here embeddings have unit length to the last bits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoder_service.hparams import Hparams


class SpeakerEncoder(nn.Module):
    weights_sha256 = ""
    """Hash of the checkpoint that was loaded; "" for a network without one."""

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.hparams = hparams
        self.lstm = nn.LSTM(
            hparams.mel_n_channels,
            hparams.model_hidden_size,
            hparams.model_num_layers,
            batch_first=True,
        )
        self.linear = nn.Linear(hparams.model_hidden_size, hparams.model_embedding_size)

    def forward(self, mels: Tensor) -> Tensor:
        """Embed partial utterances.

        mels: [B, T, 40], power mel bands. Returns [B, 256], unit length, >= 0; a row of zeros
        where ReLU leaves nothing.
        """
        _, (hidden, _) = self.lstm(mels)  # hidden: [layers, B, 256]
        return F.normalize(torch.relu(self.linear(hidden[-1])), dim=1)
