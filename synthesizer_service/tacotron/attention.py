"""Location-sensitive attention (Chorowski et al. 2015, section 2.2).

Where the paper convolves the last attention, RTVC convolves the sum of all of them so far.
Letters in shapes: B utterances, L characters.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FILTERS = 32
KERNEL = 31  # characters
REACH = KERNEL // 2


@dataclass(frozen=True)
class Memory:
    """The attention's inputs that are constant over the steps, computed once per utterance."""

    values: Tensor
    """[B, L, E]: the encoded characters. The context is their mean weighted by the attention."""
    keys: Tensor
    """[B, L, dims]: the projected values plus the biases of the other energy terms."""
    location: Tensor
    """[31, dims]: the location convolution and its projection as one product."""
    padding: Tensor
    """[B, L]: 0 at a character, -inf at padding."""


class LocationSensitiveAttention(nn.Module):
    """Additive attention over content and location: v · tanh(W query + V values + U location)."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, FILTERS, KERNEL, padding=REACH)
        self.L = nn.Linear(FILTERS, dims, bias=False)
        self.W = nn.Linear(dims, dims)
        self.v = nn.Linear(dims, 1, bias=False)

    def memory(self, values: Tensor, keys: Tensor, is_padding: Tensor) -> Memory:
        """Precompute the terms that are constant over the steps.

        values: [B, L, E]; keys: [B, L, dims], the projected values; is_padding: [B, L] bool.
        """
        assert self.conv.bias is not None
        return Memory(
            values=values,
            keys=keys + (self.L.weight @ self.conv.bias + self.W.bias),
            location=self.location(),
            padding=torch.zeros_like(values[:, :, 0]).masked_fill(is_padding, -torch.inf),
        )

    def location(self) -> Tensor:
        """[31, dims]: the location convolution and its projection as one product."""
        return (self.L.weight @ self.conv.weight[:, 0]).t()

    def forward(self, query: Tensor, attended: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attend for one decoder step.

        query: [B, dims]; attended: [B, L], the sum of all earlier attention weights.
        Returns the context [B, E] and the attention weights [B, L], which sum to one.
        """
        windows = F.pad(attended, (REACH, REACH)).unfold(1, KERNEL, 1)  # [B, L, 31]
        queried = memory.keys + F.linear(query, self.W.weight).unsqueeze(1)
        terms = queried + windows @ memory.location  # [B, L, dims]
        # v·tanh(x) equals 2v·sigmoid(2x) minus a constant that softmax ignores. On a CPU, torch's
        # sigmoid takes a fifth of the time of its tanh.
        energy = torch.sigmoid(2 * terms) @ (2 * self.v.weight[0])  # [B, L]
        attention = torch.softmax(energy + memory.padding, dim=1)
        context = torch.bmm(attention.unsqueeze(1), memory.values).squeeze(1)
        return context, attention
