import numpy as np
import pytest

from gateway_service.storage.database import Storage
from gateway_service.voices.library import VoiceLibrary, find_voice_or_blend, presets
from shared.http.errors import InvalidRequest, NotFound
from shared.voices import blend_parts
from tests.support.stub_services import stub_embed


@pytest.fixture
def library(storage: Storage) -> VoiceLibrary:
    return VoiceLibrary(storage)


def test_blend_is_the_weighted_mean_of_unit_length(library: VoiceLibrary) -> None:
    ash, birch = presets()["ash"].embed, presets()["birch"].embed

    voice = find_voice_or_blend(library, "ash(2) + birch")

    mean = (2 * ash + birch) / 3
    assert voice.name == "ash(2) + birch"
    assert voice.embed.dtype == np.float32
    assert voice.embed == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_blend_takes_names_and_ids_of_custom_voices(library: VoiceLibrary) -> None:
    mine = library.add("My Voice", stub_embed(3), "I agree", [])

    by_name = find_voice_or_blend(library, "my voice(0.5)+ash(0.5)")
    by_id = find_voice_or_blend(library, f"{mine.id}+ash")

    assert np.allclose(by_name.embed, by_id.embed)


def test_voice_that_is_named_like_a_blend_is_found_first(library: VoiceLibrary) -> None:
    mine = library.add("ash(2)+birch(1)", stub_embed(3), "I agree", [])

    assert find_voice_or_blend(library, "ash(2)+birch(1)").id == mine.id


def test_unknown_part_is_named(library: VoiceLibrary) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        find_voice_or_blend(library, "ash+nobody(2)")


@pytest.mark.parametrize(
    ("blend", "message"),
    [
        ("ash+", "neither a voice nor a blend"),
        ("ash(2", "neither a voice nor a blend"),
        ("ash(-1)+birch", "neither a voice nor a blend"),
        ("ash(0)+birch", "'ash' has the weight 0; weights are over 0 and at most 100"),
        ("ash(101)", "at most 100"),
        ("+".join(["ash"] * 9), "has 9 voices, the limit is 8"),
    ],
)
def test_faulty_blend_is_refused_with_the_remedy(
    library: VoiceLibrary, blend: str, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message) as refused:
        find_voice_or_blend(library, blend)
    assert (refused.value.param, refused.value.code) == ("voice", "invalid_blend")
    assert "ash(2)+birch(1)" in refused.value.message


def test_parts_may_have_decimal_weights_and_spaces() -> None:
    assert blend_parts(" My Voice ( 1.5 ) + ash ") == [("My Voice", 1.5), ("ash", 1.0)]
