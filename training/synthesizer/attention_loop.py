"""The decoder's attention loop of a teacher-forced pass, in C++ (native/attention.cpp).

Everything independent of the step before is one product over all steps, and so are the weights'
gradients, which autograd would sum step by step. Only the encoded characters of a context change
with the step: attention sums to one, so the speaker embedding beside them is the same at every step
except the first, whose context is zero. Products are in bfloat16, which takes AVX512-BF16 and a C++
compiler; without them, and for sizes that are not whole vectors, the model's own code runs.

Shapes: B utterances, L characters, S decoder steps, D dimensions of the attention RNN, C of an
encoded character.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from synthesizer_service.tacotron.attention import KERNEL, Memory
from synthesizer_service.tacotron.model import Decoder
from training.native.compile import compiled, longs, paired_panels, pointer


def attend_all(
    decoder: Decoder, prenet: Tensor, memory: Memory, speaker: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`Decoder.attend_all`. prenet: [S, B, 2D], the input frames; speaker: [B, 256].

    Returns contexts [S, B, C + 256], hidden [S, B, D], attention [S, B, L].
    """
    characters = memory.values.shape[2] - speaker.shape[1]
    if not _fits(decoder, memory, characters):
        return decoder.attend_all(prenet, memory)
    rnn, attention = decoder.attn_rnn, decoder.attn_net
    widths = [characters, speaker.shape[1], prenet.shape[2]]
    of_context, of_speaker, of_prenet = torch.split(rnn.weight_ih, widths, dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        gates = F.linear(prenet, of_prenet, rnn.bias_ih).float()  # [S, B, 3D]
    gates = torch.cat([gates[:1], gates[1:] + F.linear(speaker, of_speaker)])
    contexts, hidden, weights = _Loop.apply(  # type: ignore[no-untyped-call]
        gates,
        memory.values[:, :, :characters].contiguous(),
        memory.keys.contiguous(),
        (memory.padding == 0).sum(dim=1),
        memory.location,
        of_context,
        rnn.weight_hh,
        rnn.bias_hh,
        attention.W.weight,
        attention.v.weight[0],
    )
    return torch.cat([contexts, speaker.expand(len(prenet), -1, -1)], dim=2), hidden, weights


def _fits(decoder: Decoder, memory: Memory, characters: int) -> bool:
    values = memory.values
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return False
    native = compiled("attention")
    if native is None or len(values) % native.rows_multiple():
        return False
    columns: int = native.columns_multiple()
    return decoder.attn_rnn.hidden_size % columns == 0 and characters % columns == 0


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        values: Tensor,
        keys: Tensor,
        lengths: Tensor,
        location: Tensor,
        weight_context: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        query: Tensor,
        v: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """gates: [S, B, 3D], without the parts of the context and of the state before."""
        native = compiled("attention")
        assert native is not None
        steps, (batch, length, dims), characters = len(gates), keys.shape, values.shape[2]
        new = gates.new_empty
        hidden, contexts, attended = (
            new(steps + 1, batch, width) for width in (dims, characters, length)
        )
        for state in (hidden, contexts, attended):
            state[0] = 0
        attention, saved_gates = new(steps, batch, length), new(steps, batch, 3 * dims)
        recurrent = new(steps, batch, dims)
        terms = new(steps, batch, length, dims, dtype=torch.bfloat16)
        arrays = (
            gates.contiguous(),
            values,
            keys,
            lengths,
            *(paired_panels(weight.t(), native) for weight in (weight_context, weight_hh)),
            bias_hh,
            paired_panels(query.t(), native),
            _paired_filters(location),
            (2 * v).contiguous(),
            *(hidden, contexts, attended, attention, saved_gates, recurrent, terms),
        )
        native.attention_forward(
            torch.get_num_threads(),
            *longs(batch, steps, length, dims, characters),
            *map(pointer, arrays),
        )
        ctx.save_for_backward(
            *(values, lengths, location, weight_context, weight_hh, query, v),
            *(hidden, contexts, attended, attention, saved_gates, recurrent, terms),
        )
        return contexts[1:], hidden[1:], attention

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_contexts: Tensor, d_hiddens: Tensor, d_attention: Tensor
    ) -> tuple[Tensor | None, ...]:
        native = compiled("attention")
        assert native is not None
        values, lengths, location, weight_context, weight_hh, query, v, *saved = ctx.saved_tensors
        hidden, contexts, attended, attention, gates, recurrent, terms = saved
        steps, batch, length, dims = terms.shape
        scale = 4 * v  # of s (1 - s), with s the sigmoid; applied where it is cheapest
        threads, new = torch.get_num_threads(), values.new_zeros
        d_contexts = d_contexts.clone(memory_format=torch.contiguous_format)
        d_gates, d_states = (new(steps, batch, 3 * dims) for _ in range(2))
        d_queries, d_keys = new(steps, batch, dims), new(batch, length, dims)
        d_location, d_v = new(threads, KERNEL, dims), new(threads, dims)
        to_windows = F.pad((location * scale).t(), (0, 1))  # [D, 32]
        weights = (weight_context, weight_hh, query * scale.unsqueeze(1), to_windows)
        arrays = (
            values,
            lengths,
            *(paired_panels(weight, native) for weight in weights),
            *(hidden, attended, attention, gates, recurrent, terms),
            *(d_contexts, d_hiddens.contiguous(), d_attention.contiguous()),
            *(d_gates, d_states, d_queries, d_keys, d_location, d_v),
        )
        native.attention_backward(
            threads,
            *longs(batch, steps, length, dims, values.shape[2]),
            *map(pointer, arrays),
        )
        return (
            d_gates,
            torch.bmm(attention.permute(1, 2, 0), d_contexts.transpose(0, 1)),
            d_keys * scale,
            None,
            d_location.sum(dim=0) * scale,
            _summed(d_gates, contexts[:-1]),
            _summed(d_states, hidden[:-1]),
            d_states.sum(dim=(0, 1)),
            scale.unsqueeze(1) * _summed(d_queries, hidden[1:]),
            2 * d_v.sum(dim=0),
        )


def _summed(grad: Tensor, x: Tensor) -> Tensor:
    """A weight's gradient over all steps: [S, B, outputs], [S, B, inputs] -> [outputs, inputs]"""
    product = grad.bfloat16().flatten(0, 1).t() @ x.bfloat16().flatten(0, 1)
    return product.float()


def _paired_filters(location: Tensor) -> Tensor:
    """[31, D] -> [D / 16, 16, 16, 2] in bfloat16: neighbouring kernel positions as pairs."""
    pairs = F.pad(location.bfloat16(), (0, 0, 0, 1)).view(-1, 2, location.shape[1] // 16, 16)
    return pairs.permute(2, 0, 3, 1).contiguous()
