"""An LSTM over whole sequences that trains faster on a CPU than torch's: native/lstm.cpp.

Its recurrent products are in bfloat16, so it needs a CPU with AVX512-BF16 and a C++ compiler;
without them, for sizes that are no whole vectors and for few rows, torch's serves.

Shapes: T steps, B rows, H dimensions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthesizer_service.tacotron.model import run_lstm
from training.native.compile import compiled, longs, paired_panels, pointer


def run(cell: nn.LSTMCell, x: Tensor) -> Tensor:
    """The cell over a sequence, from zeros: [T, B, inputs] -> [T, B, H]"""
    if not _fits(cell, x):
        return run_lstm(cell, x)
    with torch.autocast("cpu", torch.bfloat16):
        gates = F.linear(x, cell.weight_ih, cell.bias_ih + cell.bias_hh).float()  # [T, B, 4H]
    states: Tensor = _Recurrence.apply(gates, cell.weight_hh)  # type: ignore[no-untyped-call]
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


class _Recurrence(torch.autograd.Function):
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
