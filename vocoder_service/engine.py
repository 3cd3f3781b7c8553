"""The sample loop of WaveRNN in torch, and the interface that any sample loop has."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN
from vocoder_service.waveform import Labels

Array = NDArray[np.float32]

LEAST_BATCH = 4
TILE = 40


@dataclass(frozen=True)
class FoldState:
    h1: Array
    h2: Array
    label: Labels

    @classmethod
    def initial(cls, folds: int, hparams: Hparams) -> Self:
        h = np.zeros((folds, hparams.rnn_dims), np.float32)
        return cls(h, h.copy(), np.zeros(folds, np.int16))


class TorchEngine:
    def __init__(self, model: WaveRNN) -> None:
        hparams = self.hparams = model.hparams
        self._model = model
        r, a = hparams.rnn_dims, hparams.aux_dims
        with torch.inference_mode():
            i, rnn1, rnn2 = model.I, model.rnn1, model.rnn2
            w1 = rnn1.weight_ih_l0
            both = torch.cat([i.weight, w1 @ i.weight])
            bias = torch.cat([i.bias, w1 @ i.bias + rnn1.bias_ih_l0])
            step = 2 / (hparams.classes - 1)
            self._x = both[:, 0] * step
            self._mel = both[:, 1:-a].T.contiguous()
            self._a1 = both[:, -a:].T.contiguous()
            self._bias = bias - both[:, 0]
            kernel = model.upsample.kernel()
            self._kernel = torch.cat([kernel, torch.ones(len(kernel), 1)], 1)
            self.u1, self.b1 = rnn1.weight_hh_l0.detach().T, rnn1.bias_hh_l0.detach()
            self.w2, self.a2 = rnn2.weight_ih_l0.detach()[:, :r].T, rnn2.weight_ih_l0.detach()[:, r:].T
            self.c2 = rnn2.bias_ih_l0.detach()
            self.u2, self.b2 = rnn2.weight_hh_l0.detach().T, rnn2.bias_hh_l0.detach()
            f = hparams.fc_dims
            self.f1, self.a3, self.c3 = model.fc1.weight.detach()[:, :r].T, model.fc1.weight.detach()[:, r:].T, model.fc1.bias.detach()
            self.f2, self.a4, self.c4 = model.fc2.weight.detach()[:, :f].T, model.fc2.weight.detach()[:, f:].T, model.fc2.bias.detach()
            self.f3, self.b3 = model.fc3.weight.detach().T, model.fc3.bias.detach()

    def aux(self, mel: Array) -> Array:
        with torch.inference_mode():
            return self._model.upsample.resnet(torch.from_numpy(mel)[None])[0].T.contiguous().numpy()

    @torch.inference_mode()
    def run(self, state, mel, aux, uniforms, temperature):
        """mel [F, n+4, 80] aux [F, n, 4A] uniforms [F, n*hop] temperature [F]"""
        folds, frames = aux.shape[:2]
        hop = self.hparams.hop_length
        r = self.hparams.rnn_dims
        mel, aux, uniforms = torch.from_numpy(mel), torch.from_numpy(aux), torch.from_numpy(uniforms).T.contiguous()
        inv = (1 / torch.from_numpy(temperature))[:, None]
        h1, h2 = torch.from_numpy(state.h1), torch.from_numpy(state.h2)
        x = torch.from_numpy(state.label).float()[:, None]
        labels = torch.empty(frames * hop, folds, dtype=torch.int16)
        c = torch.empty(folds, 4 * r)
        y, rz1, n1, r1, z1 = c[:, :r], c[:, r : 3 * r], c[:, 3 * r :], c[:, r : 2 * r], c[:, 2 * r : 3 * r]
        g2 = torch.empty(folds, 3 * r)
        rz2, n2, r2, z2 = g2[:, : 2 * r], g2[:, 2 * r :], g2[:, :r], g2[:, r : 2 * r]
        gh = torch.empty(folds, 3 * r)
        grz, gn = gh[:, : 2 * r], gh[:, 2 * r :]
        f1 = torch.empty(folds, self.hparams.fc_dims)
        f2 = torch.empty_like(f1)
        logits = torch.empty(folds, self.hparams.classes)
        p, cdf = torch.empty_like(logits), torch.empty_like(logits)
        total = cdf[:, -1]
        v = torch.empty(folds)
        idx = torch.empty(folds, 1, dtype=torch.long)
        addmm = torch.addmm
        for t in range(frames):
            around = mel[:, t : t + 5].transpose(0, 1)
            a1, a2, a3, a4 = aux[:, t].chunk(4, 1)
            g = torch.cat([around @ self._mel, addmm(self._bias, a1, self._a1)[None]]).view(6, -1)
            a2, a3, a4 = addmm(self.c2, a2, self.a2), addmm(self.c3, a3, self.a3), addmm(self.c4, a4, self.a4)
            for i in range(hop):
                n = t * hop + i
                torch.mm(self._kernel[i : i + 1], g, out=c.view(1, -1))
                c.addcmul_(x, self._x)
                addmm(self.b1, h1, self.u1, out=gh)
                rz1.add_(grz).sigmoid_()
                n1.addcmul_(r1, gn).tanh_()
                torch.lerp(n1, h1, z1, out=h1)
                y.add_(h1)
                addmm(a2, y, self.w2, out=g2)
                addmm(self.b2, h2, self.u2, out=gh)
                rz2.add_(grz).sigmoid_()
                n2.addcmul_(r2, gn).tanh_()
                torch.lerp(n2, h2, z2, out=h2)
                y.add_(h2)
                addmm(a3, y, self.f1, out=f1).relu_()
                addmm(a4, f1, self.f2, out=f2).relu_()
                addmm(self.b3, f2, self.f3, out=logits).mul_(inv)
                torch.softmax(logits, 1, out=p)
                torch.cumsum(p, 1, out=cdf)
                torch.mul(uniforms[n], total, out=v)
                torch.searchsorted(cdf, v[:, None], right=True, out=idx)
                labels[n] = idx[:, 0]
                x.copy_(idx)
        state.label[:] = labels[-1].numpy()
        return labels.T.contiguous().numpy()
