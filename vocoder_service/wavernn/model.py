"""WaveRNN: the distribution of each sample, given the samples before it and a mel.

Kalchbrenner et al. 2018, "Efficient Neural Audio Synthesis" (arXiv:1802.08435), in fatchord's
variant as RTVC uses it, parameter name for parameter name.

Differences from the paper: one softmax over mu-law classes in place of coarse and fine bytes; two
stacked GRUs with residual connections; conditioning on an upsampled mel and on auxiliary features
from a residual network over its frames.

Shapes: B batch, N samples, T frames, N = T * hop_length. The mel is in [-1, 1] (RTVC's ±4 divided
by 4), the wave is pre-emphasised and mu-law companded.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vocoder_service.wavernn.hparams import Hparams


class ResBlock(nn.Module):
    """Two 1x1 convolutions with a skip connection. [B, C, T] -> [B, C, T]"""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(dims, dims, kernel_size=1, bias=False)
        self.conv2 = nn.Conv1d(dims, dims, kernel_size=1, bias=False)
        self.batch_norm1 = nn.BatchNorm1d(dims)
        self.batch_norm2 = nn.BatchNorm1d(dims)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.batch_norm1(self.conv1(x)))
        out: Tensor = x + self.batch_norm2(self.conv2(residual))
        return out


class MelResNet(nn.Module):
    """Auxiliary features of each frame. mel [B, 80, T + 2 pad] -> [B, res_out_dims, T]"""

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        dims = hparams.compute_dims
        context = 2 * hparams.pad + 1  # frames
        self.conv_in = nn.Conv1d(hparams.feat_dims, dims, kernel_size=context, bias=False)
        self.batch_norm = nn.BatchNorm1d(dims)
        self.layers = nn.ModuleList(ResBlock(dims) for _ in range(hparams.res_blocks))
        self.conv_out = nn.Conv1d(dims, hparams.res_out_dims, kernel_size=1)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.relu(self.batch_norm(self.conv_in(mel)))
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.conv_out(x)
        return out


class Stretch(nn.Module):
    """Repeats each step in time. [..., T] -> [..., T * factor]"""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.factor, dim=-1)


class UpsampleNetwork(nn.Module):
    """Upsamples a mel to the sample rate: per factor a stretch and a smoothing convolution."""

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.hop, self.pad = hparams.hop_length, hparams.pad
        self.resnet = MelResNet(hparams)
        self.up_layers = nn.ModuleList()
        for factor in hparams.upsample_factors:
            width = 2 * factor + 1
            smooth = nn.Conv2d(1, 1, kernel_size=(1, width), padding=(0, factor), bias=False)
            nn.init.constant_(smooth.weight, 1 / width)
            self.up_layers.extend([Stretch(factor), smooth])

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """mel [B, 80, T + 2 pad] -> upsampled mel [B, N, 80], aux [B, N, res_out_dims]"""
        aux = self.resnet(mel).repeat_interleave(self.hop, dim=-1)
        return self.stretch(mel).transpose(1, 2), aux.transpose(1, 2)

    def stretch(self, mel: Tensor) -> Tensor:
        """Upsample any number of channels, each in the same way. [B, C, T + 2 pad] -> [B, C, N]"""
        x = mel.unsqueeze(1)  # [B, 1, C, T + 2 pad]
        for layer in self.up_layers:
            x = layer(x)
        indent = self.pad * self.hop
        return x.squeeze(1)[:, :, indent:-indent]

    def kernel(self) -> Tensor:
        """`stretch` as one matrix over a frame's context: [hop, 2 pad + 1].

        stretch(x)[:, :, t * hop + n] == sum over j of kernel[n, j] * x[:, :, t + j]
        """
        impulses = torch.eye(2 * self.pad + 1, device=self.resnet.conv_out.weight.device)
        return self.stretch(impulses.unsqueeze(0))[0].T  # [J, hop] -> [hop, J]


class WaveRNN(nn.Module):
    """An input layer I, two GRUs and three linear layers."""

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.hparams = hparams
        rnn, fc, aux = hparams.rnn_dims, hparams.fc_dims, hparams.aux_dims
        self.step = nn.Parameter(torch.zeros(1, dtype=torch.long), requires_grad=False)
        self.upsample = UpsampleNetwork(hparams)
        self.I = nn.Linear(hparams.feat_dims + aux + 1, rnn)
        self.rnn1 = nn.GRU(rnn, rnn, batch_first=True)
        self.rnn2 = nn.GRU(rnn + aux, rnn, batch_first=True)
        self.fc1 = nn.Linear(rnn + aux, fc)
        self.fc2 = nn.Linear(fc + aux, fc)
        self.fc3 = nn.Linear(fc, hparams.classes)

    def forward(self, x: Tensor, mel: Tensor) -> Tensor:
        """Teacher-forced logits of each sample, given the samples before it.

        Args:
            x: [B, N] in [-1, 1], companded; x[:, n] is the sample before the one predicted at n.
            mel: [B, 80, T + 2 pad] in [-1, 1].

        Returns:
            Logits over mu-law classes [B, N, 2^bits].
        """
        mel, aux = self.upsample(mel)
        a1, a2, a3, a4 = aux.split(self.hparams.aux_dims, dim=-1)
        y = self.I(torch.cat([x.unsqueeze(-1), mel, a1], dim=-1))
        y = y + self.rnn1(y)[0]
        y = y + self.rnn2(torch.cat([y, a2], dim=-1))[0]
        y = F.relu(self.fc1(torch.cat([y, a3], dim=-1)))
        y = F.relu(self.fc2(torch.cat([y, a4], dim=-1)))
        logits: Tensor = self.fc3(y)
        return logits
