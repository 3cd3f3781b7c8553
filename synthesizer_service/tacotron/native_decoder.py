"""Tacotron's decoder in C++ (native/decoder_loop.cpp), without Python or allocations per step.

setup.py builds it for several instruction sets, and the best one that the CPU has is used. The
torch decoder is the fallback where none was built.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from shared.http.tensors import Float32Array
from shared.native import modules as native_modules
from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.model import STOP_AFTER, Decoder

LOOP = "synthesizer_service.tacotron._decoder_loop"
Precision = Literal["float32", "bfloat16"]
STEPS_A_CALL = 32
"""Decoder steps per call into C++, for which dropout is drawn at once."""

log = logging.getLogger("better")


def decoder_for(decoder: Decoder, precision: Precision) -> nn.Module:
    """The native decoder if it was built, else `decoder`.

    The native one takes over the weights of `decoder`, which is then unusable.
    """
    if not native_modules.built(LOOP):
        log.warning(
            "the native decoder was not built, so the torch decoder serves, several times slower; "
            "%s",
            native_modules.BUILD_REMEDY,
        )
        return decoder
    try:
        return NativeDecoder(decoder, precision, spends=True)
    except ValueError as error:
        log.warning("the native decoder cannot be used (%s); the torch decoder serves", error)
        return decoder


class NativeDecoder(nn.Module):
    """Drop-in replacement for `Decoder` in synthesis; it cannot be trained.

    Holds its own copy of the weights. `precision` applies to the residual LSTMs, the layer before
    them and the attention GRU's input; the rest is float32. spends: remove the LSTMs' weights from
    `decoder` while copying them, to halve the peak of memory.
    """

    r: Tensor

    def __init__(
        self,
        decoder: Decoder,
        precision: Precision = "float32",
        instruction_set: str | None = None,
        spends: bool = False,
    ) -> None:
        """Raises ValueError for dimensions that are not a multiple of the vector length."""
        super().__init__()
        self.attn_net = decoder.attn_net
        self.register_buffer("r", decoder.r)
        self.n_mels = decoder.n_mels
        self.dropout = decoder.prenet.dropout
        self._widths = decoder.prenet.fc2.out_features, decoder.res_rnn1.hidden_size
        module = native_modules.native_module(LOOP, instruction_set)
        self._loop = module.DecoderLoop(_weights(decoder, spends), precision == "bfloat16")

    def generate(
        self, memory: Memory, generator: Generator, max_frames: int
    ) -> tuple[Tensor, Tensor, bool]:
        """Free-running pass over one utterance: each step reads the last frame of the previous one.

        Returns mel [1, 80, T], attention [S, L], and True if the stop token came in time.
        """
        keys, values = _array(memory.keys[0]), _array(memory.values[0])
        prenet, lstm = self._widths
        state = [np.zeros(n, np.float32) for n in (self.n_mels, keys.shape[1], values.shape[1])]
        state += [np.zeros(len(keys), np.float32), np.zeros((4, lstm), np.float32)]
        r = int(self.r)
        left, believed = max_frames // r, STOP_AFTER // r + 1  # steps
        mels, attentions, stopped = [], [], False
        while left > 0 and not stopped:
            steps = min(STEPS_A_CALL, left)
            kept = torch.rand(steps, 2, prenet, generator=generator) >= self.dropout
            mel = np.empty((steps, r * self.n_mels), np.float32)
            attention = np.empty((steps, len(keys)), np.float32)
            scaled = (kept / (1 - self.dropout)).numpy()
            made, stopped = self._loop.run(
                keys, values, scaled, *state, mel, attention, max(0, believed)
            )
            mels.append(mel[:made])
            attentions.append(attention[:made])
            left, believed = left - made, believed - made
        frames = np.concatenate(mels).reshape(-1, self.n_mels)
        return (
            torch.from_numpy(frames).t().unsqueeze(0),
            torch.from_numpy(np.concatenate(attentions)),
            stopped,
        )


def _weights(decoder: Decoder, spends: bool) -> Mapping[str, Callable[[], Float32Array]]:
    """The loop's weights by name. Each LSTM's two matrices are joined into one."""
    attention, gru = decoder.attn_net, decoder.attn_rnn
    tensors = {
        "prenet1": decoder.prenet.fc1.weight,
        "prenet1_bias": decoder.prenet.fc1.bias,
        "prenet2": decoder.prenet.fc2.weight,
        "prenet2_bias": decoder.prenet.fc2.bias,
        "gru_input": gru.weight_ih,
        "gru_input_bias": gru.bias_ih,
        "gru_hidden": gru.weight_hh,
        "gru_hidden_bias": gru.bias_hh,
        "query": attention.W.weight,
        "location": attention.location(),
        "energy": attention.v.weight[0],
        "input": decoder.rnn_input.weight,
        "input_bias": decoder.rnn_input.bias,
        "mel": decoder.mel_weight(),
        "stop": decoder.stop_proj.weight,
        "stop_bias": decoder.stop_proj.bias,
        "lstm1_bias": decoder.res_rnn1.bias_ih + decoder.res_rnn1.bias_hh,
        "lstm2_bias": decoder.res_rnn2.bias_ih + decoder.res_rnn2.bias_hh,
    }
    weights = {name: partial(_array, tensor) for name, tensor in tensors.items()}
    return weights | {
        "lstm1": partial(_joined, decoder.res_rnn1, spends),
        "lstm2": partial(_joined, decoder.res_rnn2, spends),
    }


def _joined(cell: nn.LSTMCell, spends: bool) -> Float32Array:
    """[4 * dims, 2 * dims]"""
    joined = _array(torch.cat([cell.weight_ih, cell.weight_hh], dim=1))
    if spends:
        cell.register_parameter("weight_ih", None)
        cell.register_parameter("weight_hh", None)
    return joined


def _array(tensor: Tensor) -> Float32Array:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
