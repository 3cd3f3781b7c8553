import pytest
import torch

from encoder_service.hparams import Hparams
from encoder_service.model import SpeakerEncoder

TINY = Hparams(model_hidden_size=8, model_embedding_size=16, model_num_layers=2)


@pytest.fixture
def model() -> SpeakerEncoder:
    torch.manual_seed(0)
    return SpeakerEncoder(TINY).eval().requires_grad_(False)


@pytest.fixture
def mels() -> torch.Tensor:
    """[3, 20, 40]"""
    return torch.rand(3, 20, 40, generator=torch.Generator().manual_seed(0))


def test_parameters_are_named_and_shaped_as_in_rtvc() -> None:
    shapes = {name: tuple(p.shape) for name, p in SpeakerEncoder(Hparams()).state_dict().items()}
    lstm: dict[str, tuple[int, ...]] = {}
    for layer, inputs in enumerate((40, 256, 256)):
        lstm[f"lstm.weight_ih_l{layer}"] = (1024, inputs)
        lstm[f"lstm.weight_hh_l{layer}"] = (1024, 256)
        lstm[f"lstm.bias_ih_l{layer}"] = lstm[f"lstm.bias_hh_l{layer}"] = (1024,)
    assert shapes == lstm | {"linear.weight": (256, 256), "linear.bias": (256,)}


def test_embeddings_have_unit_length_and_no_negative_part(
    model: SpeakerEncoder, mels: torch.Tensor
) -> None:
    embeds = model(mels)
    assert embeds.shape == (3, 16)
    assert embeds.min() == 0
    torch.testing.assert_close(embeds.norm(dim=1), torch.ones(3))


def test_embedding_does_not_depend_on_the_batch(model: SpeakerEncoder, mels: torch.Tensor) -> None:
    torch.testing.assert_close(model(mels)[1:2], model(mels[1:2]))


def test_last_frame_counts(model: SpeakerEncoder, mels: torch.Tensor) -> None:
    assert not torch.allclose(model(mels), model(mels[:, :-1]))


def test_row_that_relu_empties_is_zero_not_nan(model: SpeakerEncoder, mels: torch.Tensor) -> None:
    model.linear.bias.fill_(-1000)
    torch.testing.assert_close(model(mels), torch.zeros(3, 16))
