"""A GRU layer that trains faster on a CPU than torch's, with the same numbers: native/gru.cpp.

Where it cannot be compiled, for sizes that are no whole vectors and for few rows, torch's serves.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.native.compile import compiled, longs, panels, pointer


class FusedGRU(nn.GRU):
    """nn.GRU with one layer, batch first, in one direction or both: the same parameters, from a
    state of zeros."""

    @classmethod
    def of(cls, gru: nn.GRU) -> Self:
        """With the weights of `gru`."""
        fused = cls(
            gru.input_size, gru.hidden_size, batch_first=True, bidirectional=gru.bidirectional
        )
        fused.load_state_dict(gru.state_dict())
        return fused

    def forward(  # type: ignore[override]  # no packed sequences
        self, x: Tensor, hx: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x: [B, T, inputs] -> states [B, T, H or 2H], and the last of each way [ways, B, H]"""
        if hx is not None or not self._fits(x):
            return super().forward(x, hx)
        directions = [self._states(x, direction) for direction in range(len(self.all_weights))]
        last = torch.stack([states[:, -1] for states in directions])
        if self.bidirectional:
            directions[1] = directions[1].flip(1)
        return torch.cat(directions, dim=2), last

    def _states(self, x: Tensor, direction: int) -> Tensor:
        """[B, T, H], in the order in which they are made."""
        of_input, of_hidden, input_bias, hidden_bias = self.all_weights[direction]
        gates = F.linear(x, of_input, input_bias).float()  # [B, T, 3H]
        if direction == 1:
            gates = gates.flip(1)
        states: Tensor = _Recurrence.apply(gates, of_hidden, hidden_bias)  # type: ignore[no-untyped-call]
        return states

    def _fits(self, x: Tensor) -> bool:
        native = compiled("gru")
        return (
            native is not None
            and x.device.type == "cpu"
            and len(x) % native.rows_multiple() == 0
            and self.hidden_size % native.columns_multiple() == 0
        )


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """gates: [B, T, 3H]; weight: [3H, H]; bias: [3H]. Returns states [B, T, H]."""
        native = compiled("gru")
        assert native is not None
        gates, size = gates.contiguous(), (*gates.shape[:2], weight.shape[1])
        batch, steps, hidden = size
        states = gates.new_empty(batch, steps + 1, hidden)
        states[:, 0] = 0
        kept = gates.new_empty(4, *size)
        arrays = (
            gates,
            panels(weight.t(), native.columns_multiple()),
            bias.contiguous(),
            states,
            kept,
        )
        native.gru_forward(torch.get_num_threads(), *longs(*size), *map(pointer, arrays))
        ctx.save_for_backward(weight, states, kept)
        ctx.half = torch.is_autocast_enabled("cpu")  # backward runs outside of it
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        native = compiled("gru")
        assert native is not None
        weight, states, kept = ctx.saved_tensors
        size = kept.shape[1:]
        grad_gates, grad_products = (states.new_empty(*size[:2], 3 * size[2]) for _ in range(2))
        arrays = (
            grads[0].contiguous(),
            panels(weight, native.columns_multiple()),
            states,
            kept,
            grad_gates,
            grad_products,
        )
        native.gru_backward(torch.get_num_threads(), *longs(*size), *map(pointer, arrays))
        # One product for all steps, the largest of the pass: in bfloat16, as autocast would.
        products, before = grad_products.flatten(0, 1), states[:, :-1].flatten(0, 1)
        if ctx.half:
            products, before = products.bfloat16(), before.bfloat16()
        return grad_gates, (products.t() @ before).float(), grad_products.sum(dim=(0, 1))
