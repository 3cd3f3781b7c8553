import pytest
import torch
from torch import Tensor, nn

from synthesizer_service.tacotron.model import run_lstm
from training.native.compile import compiled
from training.synthesizer.fused_lstm import run

BATCH, STEPS, INPUTS, HIDDEN = 8, 7, 5, 64


@pytest.fixture(scope="module")
def cell() -> nn.LSTMCell:
    if compiled("lstm") is None:
        pytest.skip("a C++ compiler and a CPU with AVX512-BF16, which are not there")
    torch.manual_seed(0)
    return nn.LSTMCell(INPUTS, HIDDEN)


def gradients(run_all: object, cell: nn.LSTMCell, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    assert callable(run_all)
    cell.zero_grad()
    x = x.clone().requires_grad_()
    states = run_all(cell, x)
    (states * torch.linspace(-1, 1, states.numel()).view_as(states)).sum().backward()
    assert x.grad is not None
    return states.detach(), [x.grad, *(p.grad for p in cell.parameters() if p.grad is not None)]


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("threads", [1, 2])
def test_states_and_gradients_are_those_of_torch_in_bfloat16(
    threads: int, cell: nn.LSTMCell
) -> None:
    x = torch.randn(STEPS, 2 * BATCH, INPUTS)
    torch.set_num_threads(threads)
    try:
        states, expected = gradients(run_lstm, cell, x)
        ours, got = gradients(run, cell, x)
    finally:
        torch.set_num_threads(1)
    assert 0 < distance(ours, states) < 0.01
    for gradient, other in zip(got, expected, strict=True):
        assert distance(gradient, other) < 0.02


def test_gates_far_from_zero_give_numbers(cell: nn.LSTMCell) -> None:
    x = 1000 * torch.randn(STEPS, BATCH, INPUTS)
    assert run(cell, x).isfinite().all()


@pytest.mark.parametrize(("batch", "hidden"), [(3, HIDDEN), (BATCH, 10)])
def test_other_sizes_go_to_torch(batch: int, hidden: int) -> None:
    cell = nn.LSTMCell(INPUTS, hidden)
    x = torch.randn(STEPS, batch, INPUTS)
    assert torch.equal(run(cell, x), run_lstm(cell, x))
