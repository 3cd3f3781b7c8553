"""A GRU layer and an LSTM over whole sequences that train faster on a CPU than torch's.

The kernels are in gru.cpp and lstm.cpp. torch serves where they cannot be compiled, for sizes that
are not whole vectors, and for batches that are not whole tiles. The LSTM's recurrent products are
in bfloat16, so it also needs AVX512-BF16.

Shapes: B rows, T steps, H dimensions. The GRU is batch first, the LSTM time first.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthesizer_service.tacotron.model import run_lstm
from training.native.compile import compiled, longs, paired_panels, panels, pointer


class FusedGRU(nn.GRU):
    """nn.GRU with one layer, batch first, in one or both directions, from a zero state. The
    parameters are the same."""

    @classmethod
    def of(cls, gru: nn.GRU) -> Self:
        """A copy of `gru`."""
        fused = cls(
            gru.input_size, gru.hidden_size, batch_first=True, bidirectional=gru.bidirectional
        )
        fused.load_state_dict(gru.state_dict())
        return fused

    def forward(  # type: ignore[override]  # no packed sequences
        self, x: Tensor, hx: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x: [B, T, inputs] -> states [B, T, H or 2H], last state per direction [1 or 2, B, H]"""
        if hx is not None or not self._fits(x):
            return super().forward(x, hx)
        directions = [self._states(x, direction) for direction in range(len(self.all_weights))]
        last = torch.stack([states[:, -1] for states in directions])
        if self.bidirectional:
            directions[1] = directions[1].flip(1)
        return torch.cat(directions, dim=2), last

    def _states(self, x: Tensor, direction: int) -> Tensor:
        """[B, T, H], in the order of computation."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.all_weights[direction]
        gates = F.linear(x, weight_ih, bias_ih).float()  # [B, T, 3H]
        if direction == 1:
            gates = gates.flip(1)
        states: Tensor = _GruRecurrence.apply(gates, weight_hh, bias_hh)  # type: ignore[no-untyped-call]
        return states

    def _fits(self, x: Tensor) -> bool:
        native = compiled("gru")
        return (
            native is not None
            and x.device.type == "cpu"
            and len(x) % native.rows_multiple() == 0
            and self.hidden_size % native.columns_multiple() == 0
        )


class _GruRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """gates: [B, T, 3H]; weight: [3H, H]; bias: [3H]. Returns states [B, T, H]."""
        native = compiled("gru")
        assert native is not None
        gates, size = gates.contiguous(), (*gates.shape[:2], weight.shape[1])
        batch, steps, hidden = size
        states = gates.new_empty(batch, steps + 1, hidden)
        states[:, 0] = 0
        saved = gates.new_empty(4, *size)
        arrays = (
            gates,
            panels(weight.t(), native.columns_multiple()),
            bias.contiguous(),
            states,
            saved,
        )
        native.gru_forward(torch.get_num_threads(), *longs(*size), *map(pointer, arrays))
        ctx.save_for_backward(weight, states, saved)
        ctx.half = torch.is_autocast_enabled("cpu")  # backward runs outside of autocast
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        native = compiled("gru")
        assert native is not None
        weight, states, saved = ctx.saved_tensors
        size = saved.shape[1:]
        grad_gates, grad_products = (states.new_empty(*size[:2], 3 * size[2]) for _ in range(2))
        arrays = (
            grads[0].contiguous(),
            panels(weight, native.columns_multiple()),
            states,
            saved,
            grad_gates,
            grad_products,
        )
        native.gru_backward(torch.get_num_threads(), *longs(*size), *map(pointer, arrays))
        # One product over all steps, the largest of the pass: in bfloat16, as autocast would do.
        products, before = grad_products.flatten(0, 1), states[:, :-1].flatten(0, 1)
        if ctx.half:
            products, before = products.bfloat16(), before.bfloat16()
        return grad_gates, (products.t() @ before).float(), grad_products.sum(dim=(0, 1))


def fused_lstm(cell: nn.LSTMCell, x: Tensor) -> Tensor:
    """Run the cell over a sequence from a zero state: [T, B, inputs] -> [T, B, H]"""
    if not _fits(cell, x):
        return run_lstm(cell, x)
    with torch.autocast("cpu", torch.bfloat16):
        gates = F.linear(x, cell.weight_ih, cell.bias_ih + cell.bias_hh).float()  # [T, B, 4H]
    states: Tensor = _LstmRecurrence.apply(gates, cell.weight_hh)  # type: ignore[no-untyped-call]
    return states


def _fits(cell: nn.LSTMCell, x: Tensor) -> bool:
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return False
    native = compiled("lstm")
    return (
        native is not None
        and x.shape[1] % native.rows_multiple() == 0
        and cell.hidden_size % native.columns_multiple() == 0
    )


class _LstmRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor) -> Tensor:
        """gates: [T, B, 4H]; weight: [4H, H]. Returns states [T, B, H]."""
        native = compiled("lstm")
        assert native is not None
        steps, batch, hidden = *gates.shape[:2], weight.shape[1]
        gates = gates.clone(memory_format=torch.contiguous_format)
        states, cells = (gates.new_empty(steps + 1, batch, hidden) for _ in range(2))
        states[0] = cells[0] = 0
        arrays = (gates, paired_panels(weight.t(), native), states, cells)
        native.lstm_forward(
            torch.get_num_threads(), *longs(batch, steps, hidden), *map(pointer, arrays)
        )
        ctx.save_for_backward(weight, gates, states, cells)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        native = compiled("lstm")
        assert native is not None
        weight, gates, states, cells = ctx.saved_tensors
        steps, batch, hidden = grad.shape
        grad_gates = gates.clone()
        arrays = (grad.contiguous(), paired_panels(weight, native), cells, grad_gates)
        native.lstm_backward(
            torch.get_num_threads(), *longs(batch, steps, hidden), *map(pointer, arrays)
        )
        products = grad_gates.bfloat16().flatten(0, 1).t() @ states[:-1].bfloat16().flatten(0, 1)
        return grad_gates, products.float()
