"""The sample loop of WaveRNN: its interface, and the implementation in torch.

A sample loop ("engine") generates the samples of many folds side by side. The caller passes
everything that belongs to a fold: state, conditioning, random numbers, temperature. So a fold's
samples do not depend on the rest of its batch, and engines are interchangeable.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels

Array = NDArray[np.float32]

MIN_BATCH = 4  # folds; BLAS sums smaller products in another order


@dataclass(frozen=True, eq=False)
class FoldState:
    """The recurrent state of F folds between two samples. R = rnn_dims.

    h1, h2: [F, R], the hidden states of the two GRUs.
    x: [F], the last sample, companded, in [-1, 1].
    """

    h1: Array
    h2: Array
    x: Array

    @classmethod
    def at_rest(cls, folds: int, rnn_dims: int) -> Self:
        """The state at the start of a fold: zeros, as in training."""
        h1, h2 = np.zeros((2, folds, rnn_dims), np.float32)
        return cls(h1, h2, np.zeros(folds, np.float32))

    def resumed(self, folds: int) -> "FoldState":
        """A batch whose first fold continues this state's last one; the others start at rest."""
        state = FoldState.at_rest(folds, self.h1.shape[1])
        state.h1[0], state.h2[0], state.x[0] = self.h1[-1], self.h2[-1], self.x[-1]
        return state


class Engine(ABC):
    """A sample loop. Thread-safe."""

    hparams: Hparams

    @abstractmethod
    def aux_features(self, mel: Array) -> Array:
        """Auxiliary features of each frame: mel [T + 2 pad, 80] in [-1, 1] -> [T, res_out_dims]."""

    @abstractmethod
    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        """Generate the next T frames of F folds.

        Sampling is by inversion: a label is the first class at which the running sum of
        softmax(logits / temperature), from class 0, exceeds the sample's uniform number times the
        sum over all classes.

        Args:
            state: of F folds; updated in place.
            mel: [F, T + 2 pad, 80] in [-1, 1], with `pad` frames of context on both sides.
            aux: [F, T, res_out_dims], the `aux_features` of those frames.
            uniforms: [F, T * hop] in [0, 1).
            temperature: [F], above 0.

        Returns:
            Mu-law labels [F, T * hop].
        """

    def begin(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Callable[[], Labels]:
        """Start a `run`, perhaps before an earlier one with this state has ended.

        Returns a function that waits for the labels. Call these functions in order; after the last
        one the state is up to date.
        """
        return partial(self.run, state, mel, aux, uniforms, temperature)


class TorchEngine(Engine):
    """The sample loop in torch, with all products at frame rate hoisted out of it.

    The algebra is exact. Aux is constant within a frame, so its products are computed once per
    frame. The upsampling of the mel is linear and the same for all channels, so it commutes with
    the products of I and of rnn1's input weights. These are computed at frame rate too, and
    upsampled last, by one row of `UpsampleNetwork.kernel` per sample.

    Most weights are views of the model's. They are only read.
    """

    def __init__(self, model: WaveRNN) -> None:
        """Raises ValueError for a model in training mode, which would update its batch norms."""
        if model.training:
            raise ValueError("the model is in training mode; call its eval() first")
        self.hparams = model.hparams
        self._resnet = model.upsample.resnet
        with torch.inference_mode():
            self.weights = Weights(model)

    @torch.inference_mode()
    def aux_features(self, mel: Array) -> Array:
        aux: Tensor = self._resnet(torch.tensor(mel).T.unsqueeze(0))
        return aux[0].T.contiguous().numpy()

    @torch.inference_mode()
    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        folds, frames = aux.shape[:2]
        hop, context = self.hparams.hop_length, 2 * self.hparams.pad + 1
        mels, auxes = _batch(mel), _batch(aux)
        draws = _batch(uniforms).T.contiguous()  # [T * hop, F]
        labels = torch.empty(draws.shape, dtype=torch.int16)
        loop = _SampleLoop(self.weights, state, temperature)
        for frame in range(frames):
            loop.enter_frame(mels[:, frame : frame + context], auxes[:, frame])
            for n in range(hop):
                now = frame * hop + n
                labels[now] = loop.step(n, draws[now])
        loop.save(state)
        return labels.T[:folds].contiguous().numpy()


def _batch(array: Array) -> Tensor:
    """A copy [F, ...] as a tensor, padded with ones to at least MIN_BATCH folds."""
    missing = max(0, MIN_BATCH - len(array))
    widths = [(0, missing), *[(0, 0)] * (array.ndim - 1)]
    return torch.from_numpy(np.pad(array, widths, constant_values=1))


class _Conditioned:
    """A linear layer whose last A inputs are aux features. weight: [out, in + A]"""

    def __init__(self, weight: Tensor, bias: Tensor, aux_dims: int) -> None:
        self.weight, self.aux = weight.T[:-aux_dims], weight.T[-aux_dims:]  # [in, out], [A, out]
        self.bias = bias

    def of_frame(self, aux: Tensor) -> Tensor:
        """The part of aux [..., A] and the bias, the same for all samples of a frame. [..., out]"""
        return aux @ self.aux + self.bias


class Weights:
    """The model's weights, arranged for the loop."""

    def __init__(self, model: WaveRNN) -> None:
        dims = model.hparams.aux_dims
        into_rnn1, self.hidden1, into_rnn1_bias, self.hidden1_bias = model.rnn1.all_weights[0]
        into_rnn2, self.hidden2, into_rnn2_bias, self.hidden2_bias = model.rnn2.all_weights[0]
        i = torch.cat([model.I.weight, into_rnn1 @ model.I.weight])
        i_bias = torch.cat([model.I.bias, into_rnn1 @ model.I.bias + into_rnn1_bias])
        self.i = _Conditioned(i, i_bias, dims)  # [1 + 80, 4R]: I's output, rnn1's gates
        self.rnn2 = _Conditioned(into_rnn2, into_rnn2_bias, dims)
        self.fc1 = _Conditioned(model.fc1.weight, model.fc1.bias, dims)
        self.fc2 = _Conditioned(model.fc2.weight, model.fc2.bias, dims)
        self.fc3, self.fc3_bias = model.fc3.weight.T, model.fc3.bias
        kernel = model.upsample.kernel()
        self.kernel = torch.cat([kernel, torch.ones(len(kernel), 1)], dim=1)  # [hop, J + 1]


class _Gru:
    """The recurrent half of a GRU. gates: [F, 3R], the input's product; a step overwrites it."""

    def __init__(self, weight: Tensor, bias: Tensor, h: Tensor, gates: Tensor) -> None:
        self._weight, self._bias, self.h = weight.T, bias, h
        size = h.shape[1]
        self._products = torch.empty_like(gates)
        self._reset_update, self._new = gates[:, : 2 * size], gates[:, 2 * size :]
        self._reset, self._update = gates[:, :size], gates[:, size : 2 * size]
        self._h_reset_update = self._products[:, : 2 * size]
        self._h_new = self._products[:, 2 * size :]

    def step(self) -> Tensor:
        torch.addmm(self._bias, self.h, self._weight, out=self._products)
        self._reset_update.add_(self._h_reset_update).sigmoid_()
        self._new.addcmul_(self._reset, self._h_new).tanh_()
        return torch.lerp(self._new, self.h, self._update, out=self.h)


class _SampleLoop:
    """A batch of folds in progress. Allocates at the start and once per frame, not per sample."""

    def __init__(self, weights: Weights, state: FoldState, temperature: Array) -> None:
        self._w = w = weights
        h1, h2 = _batch(state.h1), _batch(state.h2)
        folds, size = h1.shape
        self._x = _batch(state.x).unsqueeze(1)  # [F, 1]
        self._inverse_temperature = 1 / _batch(temperature).unsqueeze(1)
        self._i = torch.empty(folds, 4 * size)
        self._gates2 = torch.empty(folds, 3 * size)
        self._y = self._i[:, :size]
        self._gru1 = _Gru(w.hidden1, w.hidden1_bias, h1, self._i[:, size:])
        self._gru2 = _Gru(w.hidden2, w.hidden2_bias, h2, self._gates2)
        self._fc1, self._fc2 = torch.empty(2, folds, len(w.fc3))
        self._p, self._cdf = torch.empty(2, folds, len(w.fc3_bias))
        self._threshold = torch.empty(folds, 1)
        self._label = torch.empty(folds, 1, dtype=torch.long)

    def save(self, state: FoldState) -> None:
        folds = len(state.x)
        state.h1[:] = self._gru1.h[:folds].numpy()
        state.h2[:] = self._gru2.h[:folds].numpy()
        state.x[:] = self._x[:folds, 0].numpy()

    def enter_frame(self, mel: Tensor, aux: Tensor) -> None:
        """mel: [F, J, 80], the frame in the middle of its context; aux: [F, 4A]"""
        w = self._w
        aux1, aux2, aux3, aux4 = aux.chunk(4, dim=1)
        around = mel.transpose(0, 1) @ w.i.weight[1:]  # [J, F, 4R]
        in_frame = torch.cat([around, w.i.of_frame(aux1).unsqueeze(0)])
        self._in_frame = in_frame.flatten(start_dim=1)  # [J + 1, F * 4R]
        self._rnn2, self._fc1_bias = w.rnn2.of_frame(aux2), w.fc1.of_frame(aux3)
        self._fc2_bias = w.fc2.of_frame(aux4)

    def step(self, n: int, uniforms: Tensor) -> Tensor:
        """Generate sample n of the frame. Returns labels [F], which the next step overwrites."""
        w, y = self._w, self._y
        torch.mm(w.kernel[n : n + 1], self._in_frame, out=self._i.view(1, -1))
        self._i.addcmul_(self._x, w.i.weight[0])
        y.add_(self._gru1.step())
        torch.addmm(self._rnn2, y, w.rnn2.weight, out=self._gates2)
        y.add_(self._gru2.step())
        torch.addmm(self._fc1_bias, y, w.fc1.weight, out=self._fc1).relu_()
        torch.addmm(self._fc2_bias, self._fc1, w.fc2.weight, out=self._fc2).relu_()
        torch.addmm(w.fc3_bias, self._fc2, w.fc3, out=self._p).mul_(self._inverse_temperature)
        return self._draw(uniforms)

    def _draw(self, uniforms: Tensor) -> Tensor:
        torch.softmax(self._p, dim=1, out=self._p)
        torch.cumsum(self._p, dim=1, out=self._cdf)
        torch.mul(uniforms.unsqueeze(1), self._cdf[:, -1:], out=self._threshold)
        torch.searchsorted(self._cdf, self._threshold, right=True, out=self._label)
        torch.mul(self._label, 2 / (len(self._w.fc3_bias) - 1), out=self._x).sub_(1)
        return self._label[:, 0]
