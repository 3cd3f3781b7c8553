import torch

from tests.support.tiny_training import tone
from training.vocoder.spectral_losses import SpectralLoss


def wave(number: int) -> torch.Tensor:
    return torch.from_numpy(tone(number))[None]


def test_loss_is_zero_for_the_recording_and_grows_with_the_error() -> None:
    loss = SpectralLoss()
    same, near, far = (loss(wave(number), wave(0)) for number in (0, 1, 5))
    assert same == 0
    assert 0 < near < far


def test_loss_ignores_phases() -> None:
    loss = SpectralLoss()
    assert loss(-wave(0), wave(0)) == 0


def test_loss_of_silence_has_a_finite_gradient() -> None:
    generated = torch.zeros(1, 2_800, requires_grad=True)
    loss = SpectralLoss()(generated, torch.zeros(1, 2_800))
    loss.backward()
    assert loss == 0
    assert generated.grad is not None
    assert generated.grad.isfinite().all()
