import pytest
import torch
from torch import Tensor, nn

from synthesizer_service.tacotron.model import run_lstm
from training.native.compile import compiled
from training.native.fused_rnns import FusedGRU, fused_lstm

BATCH, STEPS, INPUTS, HIDDEN = 8, 7, 5, 64


@pytest.fixture(scope="module", params=[False, True], ids=["unidirectional", "bidirectional"])
def grus(request: pytest.FixtureRequest) -> tuple[nn.GRU, FusedGRU]:
    if compiled("gru") is None:
        pytest.skip("no C++ compiler")
    torch.manual_seed(0)
    plain = nn.GRU(INPUTS, HIDDEN, batch_first=True, bidirectional=request.param)
    return plain, FusedGRU.of(plain)


def gru_gradients(gru: nn.GRU, x: Tensor) -> tuple[tuple[Tensor, Tensor], list[Tensor]]:
    """The states, and the gradients of the input and all weights for a loss on them."""
    gru.zero_grad()
    x = x.clone().requires_grad_()
    states, last = gru(x)
    (states * torch.linspace(-1, 1, states.numel()).view_as(states)).sum().backward()
    assert x.grad is not None
    grads = [x.grad, *(p.grad for p in gru.parameters() if p.grad is not None)]
    return (states.detach(), last.detach()), grads


@pytest.mark.parametrize("threads", [1, 2])
def test_gru_states_and_gradients_match_torch(threads: int, grus: tuple[nn.GRU, FusedGRU]) -> None:
    plain, fused = grus
    x = torch.randn(2 * BATCH, STEPS, INPUTS)
    torch.set_num_threads(threads)
    try:
        states, expected = gru_gradients(plain, x)
        ours, got = gru_gradients(fused, x)
    finally:
        torch.set_num_threads(1)
    torch.testing.assert_close(ours, states, atol=1e-5, rtol=1e-4)
    for gradient, other in zip(got, expected, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-3, rtol=1e-3)


def test_gru_is_finite_with_saturated_gates(grus: tuple[nn.GRU, FusedGRU]) -> None:
    plain, fused = grus
    x = 1000 * torch.randn(BATCH, STEPS, INPUTS)
    torch.testing.assert_close(fused(x)[0], plain(x)[0], atol=1e-5, rtol=1e-4)


def test_gru_kernel_is_used(grus: tuple[nn.GRU, FusedGRU]) -> None:
    x = torch.randn(BATCH, STEPS, INPUTS)
    assert not torch.equal(grus[1](x)[0], grus[0](x)[0])  # another kernel rounds differently


@pytest.mark.parametrize(("batch", "hidden"), [(3, HIDDEN), (BATCH, 10)])
def test_gru_of_other_sizes_falls_back_to_torch(batch: int, hidden: int) -> None:
    plain = nn.GRU(INPUTS, hidden, batch_first=True)
    fused = FusedGRU.of(plain)
    x = torch.randn(batch, STEPS, INPUTS)
    assert torch.equal(fused(x)[0], plain(x)[0])


@pytest.fixture(scope="module")
def cell() -> nn.LSTMCell:
    if compiled("lstm") is None:
        pytest.skip("no C++ compiler, or no AVX512-BF16")
    torch.manual_seed(0)
    return nn.LSTMCell(INPUTS, HIDDEN)


def lstm_gradients(run_all: object, cell: nn.LSTMCell, x: Tensor) -> tuple[Tensor, list[Tensor]]:
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
def test_lstm_states_and_gradients_match_torch_in_bfloat16(threads: int, cell: nn.LSTMCell) -> None:
    x = torch.randn(STEPS, 2 * BATCH, INPUTS)
    torch.set_num_threads(threads)
    try:
        states, expected = lstm_gradients(run_lstm, cell, x)
        ours, got = lstm_gradients(fused_lstm, cell, x)
    finally:
        torch.set_num_threads(1)
    assert 0 < distance(ours, states) < 0.01
    for gradient, other in zip(got, expected, strict=True):
        assert distance(gradient, other) < 0.02


def test_lstm_is_finite_with_saturated_gates(cell: nn.LSTMCell) -> None:
    x = 1000 * torch.randn(STEPS, BATCH, INPUTS)
    assert fused_lstm(cell, x).isfinite().all()


@pytest.mark.parametrize(("batch", "hidden"), [(3, HIDDEN), (BATCH, 10)])
def test_lstm_of_other_sizes_falls_back_to_torch(batch: int, hidden: int) -> None:
    cell = nn.LSTMCell(INPUTS, hidden)
    x = torch.randn(STEPS, batch, INPUTS)
    assert torch.equal(fused_lstm(cell, x), run_lstm(cell, x))
