import torch

from tests.support.tiny_training import tone
from training.vocoder.spectral_losses import SpectralLoss


def wave(number: int) -> torch.Tensor:
    return torch.from_numpy(tone(number))[None]


def test_loss_is_nothing_for_the_recording_and_grows_with_the_error() -> None:
    loss = SpectralLoss()
    same, near, far = (loss(wave(number), wave(0)) for number in (0, 1, 5))
    assert same == 0
    assert 0 < near < far


def test_loss_tells_no_phase() -> None:
    loss = SpectralLoss()
    assert loss(-wave(0), wave(0)) == 0


def test_loss_of_silence_is_finite_and_so_is_its_gradient() -> None:
    made = torch.zeros(1, 2_800, requires_grad=True)
    loss = SpectralLoss()(made, torch.zeros(1, 2_800))
    loss.backward()
    assert loss == 0
    assert made.grad is not None
    assert made.grad.isfinite().all()
