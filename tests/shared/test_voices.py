"""Preset voices, means of embeddings, and the notation of blends."""

import numpy as np
import pytest

from shared.voices import (
    BadBlend,
    blend_parts,
    example_embed,
    example_wav,
    is_blend,
    mean_embed,
    presets,
    sample_embeds,
)


def test_every_preset_has_a_clip_and_an_embedding_of_unit_length() -> None:
    assert presets().keys() == sample_embeds().keys()
    for embed in sample_embeds().values():
        assert embed.shape == (256,)
        assert np.linalg.norm(embed) == pytest.approx(1, abs=1e-5)


def test_mean_of_one_embedding_is_unchanged() -> None:
    embed = sample_embeds()["ash"] * 0.3
    assert mean_embed([embed]) is embed


def test_mean_has_unit_length_and_follows_the_weights() -> None:
    ash, birch = (sample_embeds()[name] for name in ("ash", "birch"))

    mean = mean_embed([ash, birch], [3, 1])

    assert mean.dtype == np.float32
    assert np.linalg.norm(mean) == pytest.approx(1)
    assert mean @ ash > mean_embed([ash, birch]) @ ash


def test_blend_is_distinguished_from_a_name() -> None:
    assert is_blend("ash+birch")
    assert is_blend("ash(2)")
    assert not is_blend("Anna Lee")


def test_blend_has_names_and_weights() -> None:
    assert blend_parts("ash(2) + Anna Lee+birch(0.5)") == [
        ("ash", 2),
        ("Anna Lee", 1),
        ("birch", 0.5),
    ]


@pytest.mark.parametrize("blend", ["", "ash+", "ash(2", "ash(0)", "ash(101)", "+".join("a" * 9)])
def test_faulty_blend_is_refused_with_an_example(blend: str) -> None:
    with pytest.raises(BadBlend, match=r"write it as ash\(2\)\+birch\(1\)"):
        blend_parts(blend)


def test_examples_are_short_enough_for_a_text_field() -> None:
    wav = example_wav()
    assert wav["sr"] == 4000
    assert len(wav["wav"]) == pytest.approx(6000, abs=10)
    assert len(example_embed()) == 256
