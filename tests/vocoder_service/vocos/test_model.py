import pytest
import torch

from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import MAX_LOG_MAGNITUDE, Vocos


def mels(frames: int, batch: int = 1) -> torch.Tensor:
    return torch.empty(batch, 80, frames).uniform_(-1, 1)


def test_full_size_has_three_and_a_half_million_parameters() -> None:
    model = Vocos(Hparams())
    assert sum(parameter.numel() for parameter in model.parameters()) == 3_527_203


def test_sound_has_the_length_of_the_clip_that_the_mel_describes(model: Vocos) -> None:
    assert model(mels(30, batch=2)).shape == (2, 29 * 200)


def test_sound_depends_on_the_frames_of_the_receptive_field_and_no_others(model: Vocos) -> None:
    mel, centre = mels(61), 30
    reach = model.hparams.receptive_field
    sound = model(mel)
    for distance, heard in [(reach + 2, False), (reach, True)]:
        changed = mel.clone()
        changed[:, :, centre + distance] += 0.5
        changed[:, :, centre - distance] -= 0.5
        sample = centre * 200  # of frames up to one away
        same = torch.equal(model(changed)[:, sample], sound[:, sample])
        assert same is not heard


def test_magnitudes_are_limited(model: Vocos) -> None:
    channels = torch.full((1, 2, model.hparams.dims), 1e3)
    channels[..., ::2] *= -1
    loud = Vocos(model.hparams).requires_grad_(False)
    torch.nn.init.constant_(loud.out.bias, 1e3)
    magnitudes = loud.spectrum(channels).abs()
    assert magnitudes.max().item() == pytest.approx(torch.e**MAX_LOG_MAGNITUDE, rel=1e-5)


def test_spectrum_is_of_float32_under_autocast(model: Vocos) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        sound = model(mels(10))
    assert sound.dtype == torch.float32


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = Vocos(Hparams(dims=16, hidden_dims=24, blocks=2))
    model(mels(20, batch=2)).square().sum().backward()
    for name, parameter in model.named_parameters():
        if name != "step":
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_window_is_no_parameter_of_a_checkpoint(model: Vocos) -> None:
    assert "window" not in model.state_dict()
