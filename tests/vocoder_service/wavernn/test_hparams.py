from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from shared.checkpoints.hparams import hparams_from
from vocoder_service.wavernn.hparams import Hparams


def test_hparams_default_to_the_size_of_rtvc() -> None:
    assert Hparams() == Hparams(
        rnn_dims=512,
        fc_dims=512,
        bits=9,
        pad=2,
        upsample_factors=(5, 5, 8),
        feat_dims=80,
        compute_dims=128,
        res_out_dims=128,
        res_blocks=10,
        hop_length=200,
        sample_rate=16000,
        mode="RAW",
    )


def test_hparams_come_from_a_manifest(hparams: Hparams) -> None:
    assert (hparams.rnn_dims, hparams.fc_dims, hparams.upsample_factors) == (32, 24, (5, 5, 8))
    assert (hparams.classes, hparams.aux_dims) == (512, 4)


def test_hparams_refuse_an_unknown_key() -> None:
    with pytest.raises(ValueError, match=r"rnn_dim.*valid ones"):
        hparams_from(Hparams, {"rnn_dim": 512})


def test_hparams_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Hparams().bits = 10  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mode": "MOL"}, "MOL.*only RAW"),
        ({"hop_length": 275}, "multiply to 200, not to hop_length 275"),
        ({"res_out_dims": 30}, "res_out_dims 30"),
        ({"bits": 16}, "bits 16"),
        ({"pad": 1}, "1.24 frames.*pad 1"),
    ],
)
def test_hparams_refuse_what_does_not_fit(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hparams(**values)
