from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from vocoder_service.vocos.hparams import Hparams


def test_hparams_default_to_the_size_of_the_bundled_weights() -> None:
    assert Hparams() == Hparams(
        n_mels=80,
        dims=256,
        hidden_dims=768,
        blocks=8,
        kernel_size=7,
        n_fft=800,
        hop_length=200,
        sample_rate=16_000,
    )


def test_receptive_field_is_that_of_all_convolutions() -> None:
    assert Hparams().receptive_field == 27
    assert Hparams(kernel_size=3, blocks=2).receptive_field == 3


def test_hparams_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Hparams().dims = 10  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kernel_size": 6}, "kernel_size 6 must be odd"),
        ({"hop_length": 256}, "n_fft 800 must be four times the hop_length 256"),
    ],
)
def test_hparams_refuse_what_does_not_fit(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hparams(**values)
