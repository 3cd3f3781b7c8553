import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest

from shared.checkpoints.hparams import hparams_from
from synthesizer_service.tacotron.hparams import Hparams


def test_defaults_are_those_of_the_published_weights() -> None:
    published = {
        "embed_dims": 512,
        "num_chars": 66,
        "encoder_dims": 256,
        "decoder_dims": 128,
        "n_mels": 80,
        "fft_bins": 80,
        "postnet_dims": 512,
        "encoder_K": 5,
        "lstm_dims": 1024,
        "postnet_K": 5,
        "num_highways": 4,
        "dropout": 0.5,
        "stop_threshold": -3.4,
        "speaker_embedding_size": 256,
    }
    assert hparams_from(Hparams, published) == Hparams()


def test_keys_are_the_arguments_of_rtvc(golden: Path) -> None:
    config = json.loads(str(np.load(golden / "tacotron_tiny.npz")["config"]))
    assert [field.name for field in fields(Hparams)] == list(config)


def test_postnet_of_another_width_than_the_mel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fft_bins is 513, must equal n_mels \(80\)"):
        Hparams(fft_bins=513)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_impossible_dropout_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match="must be at least 0 and below 1"):
        Hparams(dropout=dropout)


def test_hparams_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Hparams().lstm_dims = 1  # type: ignore[misc]
