from dataclasses import FrozenInstanceError

import pytest

from encoder_service.hparams import Hparams
from shared.checkpoints.hparams import hparams_from


def test_defaults_are_those_of_the_published_weights() -> None:
    published = {
        "mel_window_length": 25,
        "mel_window_step": 10,
        "mel_n_channels": 40,
        "sampling_rate": 16_000,
        "partials_n_frames": 160,
        "model_hidden_size": 256,
        "model_embedding_size": 256,
        "model_num_layers": 3,
    }
    assert hparams_from(Hparams, published) == Hparams()


def test_milliseconds_become_samples() -> None:
    hparams = Hparams(mel_window_length=50, mel_window_step=20)
    assert (hparams.samples_per_window, hparams.samples_per_frame) == (800, 320)


def test_rate_that_preprocessing_does_not_give_is_refused() -> None:
    with pytest.raises(ValueError, match="sampling_rate is 22050, must be 16000"):
        Hparams(sampling_rate=22_050)


def test_hparams_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Hparams().model_hidden_size = 1  # type: ignore[misc]
