from dataclasses import dataclass

import pytest

from shared.checkpoints.hparams import hparams_from


@dataclass(frozen=True)
class Sizes:
    dims: int
    factors: tuple[int, ...] = (5, 5, 8)


def test_lists_of_a_manifest_become_tuples() -> None:
    assert hparams_from(Sizes, {"dims": 4, "factors": [2, 3]}) == Sizes(4, (2, 3))


def test_default_is_taken_for_an_absent_key() -> None:
    assert hparams_from(Sizes, {"dims": 4}) == Sizes(4)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"dims": 4, "depth": 1}, r"unknown hyperparameters \['depth'\]; valid ones are \['dims'"),
        ({}, r"missing hyperparameters \['dims'\]; valid ones are \['dims', 'factors'\]"),
    ],
)
def test_unknown_and_missing_keys_are_named_with_the_valid_ones(
    values: dict[str, int], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        hparams_from(Sizes, values)
