import pytest
import torch
from torch import Tensor, nn

from training.native.compile import compiled
from training.synthesizer.fused_gru import FusedGRU

BATCH, STEPS, INPUTS, HIDDEN = 8, 7, 5, 64


@pytest.fixture(scope="module", params=[False, True], ids=["one way", "both ways"])
def grus(request: pytest.FixtureRequest) -> tuple[nn.GRU, FusedGRU]:
    if compiled("gru") is None:
        pytest.skip("a C++ compiler, which is not there")
    torch.manual_seed(0)
    plain = nn.GRU(INPUTS, HIDDEN, batch_first=True, bidirectional=request.param)
    return plain, FusedGRU.of(plain)


def gradients(gru: nn.GRU, x: Tensor) -> tuple[tuple[Tensor, Tensor], list[Tensor]]:
    """The states, and what a loss of theirs gives for the input and all weights."""
    gru.zero_grad()
    x = x.clone().requires_grad_()
    states, last = gru(x)
    (states * torch.linspace(-1, 1, states.numel()).view_as(states)).sum().backward()
    assert x.grad is not None
    grads = [x.grad, *(p.grad for p in gru.parameters() if p.grad is not None)]
    return (states.detach(), last.detach()), grads


@pytest.mark.parametrize("threads", [1, 2])
def test_states_and_gradients_are_those_of_torch(
    threads: int, grus: tuple[nn.GRU, FusedGRU]
) -> None:
    plain, fused = grus
    x = torch.randn(2 * BATCH, STEPS, INPUTS)
    torch.set_num_threads(threads)
    try:
        states, expected = gradients(plain, x)
        ours, got = gradients(fused, x)
    finally:
        torch.set_num_threads(1)
    torch.testing.assert_close(ours, states, atol=1e-5, rtol=1e-4)
    for gradient, other in zip(got, expected, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-3, rtol=1e-3)


def test_gates_far_from_zero_give_numbers(grus: tuple[nn.GRU, FusedGRU]) -> None:
    plain, fused = grus
    x = 1000 * torch.randn(BATCH, STEPS, INPUTS)
    torch.testing.assert_close(fused(x)[0], plain(x)[0], atol=1e-5, rtol=1e-4)


def test_kernels_are_used(grus: tuple[nn.GRU, FusedGRU]) -> None:
    x = torch.randn(BATCH, STEPS, INPUTS)
    assert not torch.equal(grus[1](x)[0], grus[0](x)[0])  # other kernels round otherwise


@pytest.mark.parametrize(("batch", "hidden"), [(3, HIDDEN), (BATCH, 10)])
def test_other_sizes_go_to_torch(batch: int, hidden: int) -> None:
    plain = nn.GRU(INPUTS, hidden, batch_first=True)
    fused = FusedGRU.of(plain)
    x = torch.randn(batch, STEPS, INPUTS)
    assert torch.equal(fused(x)[0], plain(x)[0])
