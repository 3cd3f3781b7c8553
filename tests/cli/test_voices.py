from pathlib import Path

import numpy as np
import orjson
import pytest

from cli.voices import (
    BadVoiceName,
    BrokenVoice,
    PresetVoice,
    UnknownVoice,
    Voice,
    VoiceExists,
    VoiceStore,
)
from shared.http.tensors import Float32Array
from shared.voices import mean_embed, presets


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "deep" / "voices")


def test_a_saved_voice_is_loaded_as_it_was(store: VoiceStore, embed: Float32Array) -> None:
    store.save(Voice("mine", embed, ["a.wav", "b.wav"]))

    loaded = store.load("mine")

    assert (loaded.name, loaded.clips) == ("mine", ["a.wav", "b.wav"])
    np.testing.assert_array_equal(loaded.embed, embed)
    assert loaded.embed.dtype == np.float32


def test_names_are_sorted_and_none_before_the_first(store: VoiceStore, embed: Float32Array) -> None:
    assert store.names() == []

    for name in ["zoe", "목소리", "a-1"]:
        store.save(Voice(store.check_new(name), embed, []))

    assert store.names() == ["a-1", "zoe", "목소리"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "a\\b",
        "a.json",
        "-rf",
        "a b",
        "a\n",
        "x" * 61,
        "a\0",
        "é" * 61,
    ],
)
def test_a_name_that_could_leave_the_folder_or_break_a_command_is_refused(
    name: str, store: VoiceStore
) -> None:
    for use in [store.check_new, store.load, store.remove, store.find_named]:
        with pytest.raises(BadVoiceName, match="letters, digits"):
            use(name)


def test_the_longest_name_fits_the_file_system(store: VoiceStore, embed: Float32Array) -> None:
    name = "𐐀" * 60  # four bytes each
    store.save(Voice(name, embed, []))

    assert store.names() == [name]


def test_the_two_spellings_of_an_accent_are_one_name(
    store: VoiceStore, embed: Float32Array
) -> None:
    store.save(Voice(store.check_new("Jose\u0301"), embed, []))

    assert store.load("Jos\u00e9").embed.shape == (256,)
    with pytest.raises(VoiceExists, match="better voices rm"):
        store.check_new("Jos\u00e9")


def test_presets_are_the_clips_that_ship() -> None:
    assert list(presets()) == ["ash", "birch", "cedar", "elm", "hazel", "rowan"]
    assert all(path.is_file() for path in presets().values())


def test_presets_can_be_neither_replaced_nor_removed(store: VoiceStore) -> None:
    with pytest.raises(VoiceExists, match="preset"):
        store.check_new("ash")
    with pytest.raises(PresetVoice, match="stays"):
        store.remove("ash")


def test_a_removed_voice_is_gone(store: VoiceStore, embed: Float32Array) -> None:
    store.save(Voice("mine", embed, []))
    store.remove("mine")

    assert store.names() == []
    with pytest.raises(UnknownVoice):
        store.remove("mine")


def test_a_voice_is_found_by_name_then_preset_then_file(
    store: VoiceStore, embed: Float32Array, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(Voice("mine", embed, []))
    monkeypatch.chdir(clip.parent)
    Path("mine").touch()
    Path("plain").touch()

    assert isinstance(store.find("mine"), Voice)
    assert store.find("ash") == presets()["ash"]
    assert store.find("plain") == Path("plain")
    assert store.find(clip.name) == Path(clip.name)


@pytest.mark.parametrize("voice", ["nobody", "no/such.wav", ".", "x" * 5000])
def test_an_unknown_voice_lists_those_that_there_are(
    voice: str, store: VoiceStore, embed: Float32Array
) -> None:
    store.save(Voice("mine", embed, []))

    with pytest.raises(UnknownVoice, match="ash, birch, cedar, elm, hazel, rowan, mine"):
        store.find(voice)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"name": "mine"}', b'{"name": "mine", "clips": [], "embed": [1, 2]}'],
)
def test_a_damaged_file_is_named(content: bytes, store: VoiceStore, embed: Float32Array) -> None:
    store.save(Voice("mine", embed, []))
    (store.folder / "mine.json").write_bytes(content)

    with pytest.raises(BrokenVoice, match=r"mine\.json"):
        store.find("mine")


def test_a_save_that_fails_leaves_nothing(
    store: VoiceStore, embed: Float32Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(orjson, "dumps", fail)

    with pytest.raises(OSError, match="disk full"):
        store.save(Voice("mine", embed, []))

    assert list(store.folder.iterdir()) == []


def test_the_mean_of_several_embeddings_has_unit_length() -> None:
    rng = np.random.default_rng(0)
    embeds = [e / np.linalg.norm(e) for e in rng.random((3, 256), dtype=np.float32)]

    mean = mean_embed(embeds)

    assert mean.dtype == np.float32
    assert np.linalg.norm(mean) == pytest.approx(1)
    similarities = [float(mean @ e) for e in embeds]
    assert min(similarities) > max(embeds[0] @ embeds[1], embeds[0] @ embeds[2])


def test_the_mean_of_one_embedding_is_that_one_to_the_last_bit() -> None:
    embed = np.random.default_rng(0).random(256, dtype=np.float32)  # of another length than 1
    assert np.array_equal(mean_embed([embed]), embed)
