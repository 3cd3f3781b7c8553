from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthesizer_service.tacotron.model import Tacotron
from tests.support.tiny_training import TACOTRON
from training.native.compile import compiled
from training.synthesizer.attention_loop import attend_all

BATCH, STEPS, LENGTH = 8, 9, 13
SIZES = replace(TACOTRON, encoder_dims=32, decoder_dims=64)


@pytest.fixture(scope="module")
def model() -> Tacotron:
    if compiled("attention") is None:
        pytest.skip("no C++ compiler, or no AVX512-BF16")
    torch.manual_seed(0)
    return Tacotron(SIZES)


def attended(model: Tacotron, batch: int, *, fused: bool) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The outputs, and the gradients of inputs and weights for a loss on all of them."""
    torch.manual_seed(1)
    hparams = model.hparams
    chars = torch.ones(batch, LENGTH, dtype=torch.long)
    chars[1, 5:] = chars[2, 10:] = 0  # padding
    encoded = torch.randn(batch, LENGTH, hparams.encoder_dims).requires_grad_()
    prenet = torch.rand(STEPS, batch, 2 * hparams.decoder_dims).requires_grad_()
    speaker = torch.rand(batch, 256)
    model.zero_grad()
    memory = model.memory(chars, encoded, speaker)
    decoder = model.decoder
    out = (
        attend_all(decoder, prenet, memory, speaker)
        if fused
        else decoder.attend_all(prenet, memory)
    )
    torch.stack([(part * torch.randn_like(part)).sum() for part in out]).sum().backward()  # type: ignore[no-untyped-call]
    weights = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert encoded.grad is not None
    assert prenet.grad is not None
    gradients = {**weights, "encoded": encoded.grad, "prenet": prenet.grad}
    return [part.detach() for part in out], gradients


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp_min(1e-6))


@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_and_gradients_match_the_decoders(threads: int, model: Tacotron) -> None:
    torch.set_num_threads(threads)
    try:
        expected, of_expected = attended(model, 2 * BATCH, fused=False)
        got, gradients = attended(model, 2 * BATCH, fused=True)
    finally:
        torch.set_num_threads(1)
    for one, other in zip(got, expected, strict=True):
        assert 0 < distance(one, other) < 0.01
    assert gradients.keys() == of_expected.keys()
    assert {n: d for n in gradients if (d := distance(gradients[n], of_expected[n])) > 0.03} == {}


def test_padding_gets_no_attention(model: Tacotron) -> None:
    attention = attended(model, BATCH, fused=True)[0][2]
    assert attention[:, 1, 5:].abs().max() == 0
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(STEPS, BATCH))


@pytest.mark.parametrize(("batch", "dims"), [(3, 64), (BATCH, 40)])
def test_other_sizes_fall_back_to_the_decoder(batch: int, dims: int) -> None:
    torch.manual_seed(0)
    model = Tacotron(replace(SIZES, decoder_dims=dims))
    expected, got = (attended(model, batch, fused=fused)[0] for fused in (False, True))
    assert all(map(torch.equal, got, expected))
