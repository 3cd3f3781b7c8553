from pathlib import Path

import numpy as np
import pytest

from shared.http.tensors import Float32Array
from tests.support.tiny_training import tone
from training.data.clips import ClipFolder, Shard
from training.data.synthetic_speech import synthesize_clips

NUMBERS = ("zero", "one", "two", "three", "four", "five")
LINES = [f"this is line {number}." for number in NUMBERS]


class ToneSystem:
    """Speaks in tones, and declines lines that hold "three"."""

    name = "tone"

    def __init__(self) -> None:
        self.spoken: list[tuple[str, float, float]] = []

    def draw_voice(self, rng: np.random.Generator) -> float:
        return rng.random()

    def speak(self, text: str, voice: float, tempo: float) -> Float32Array | None:
        if "three" in text:
            return None
        self.spoken.append((text, voice, tempo))
        return tone(1)


@pytest.fixture
def system() -> ToneSystem:
    return ToneSystem()


def test_neighbouring_lines_share_a_voice(system: ToneSystem, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    assert len([*synthesize_clips(system, LINES, folder)]) == 5
    voices = {text: voice for text, voice, _ in system.spoken}
    assert voices[LINES[0]] == voices[LINES[1]] != voices[LINES[4]] == voices[LINES[5]]
    assert [clip.text for clip in folder.clips()] == [*LINES[:3], *LINES[4:]]
    assert len({clip.voice for clip in folder.clips()}) == 3


def test_numbers_are_written_out(system: ToneSystem, tmp_path: Path) -> None:
    [clip] = synthesize_clips(system, ["Page 12."], ClipFolder(tmp_path))
    assert clip.text == system.spoken[0][0] == "page twelve."


def test_systems_share_a_folder(tmp_path: Path) -> None:
    folder, other = ClipFolder(tmp_path), ToneSystem()
    other.name = "other"
    for system in (ToneSystem(), other):
        list(synthesize_clips(system, LINES[:2], folder))
    assert len([*folder.clips()]) == 4
    assert len({clip.voice for clip in folder.clips()}) == 2


def test_line_sounds_the_same_in_any_shard(tmp_path: Path) -> None:
    whole, shards = ToneSystem(), ToneSystem()
    list(synthesize_clips(whole, LINES, ClipFolder(tmp_path / "whole")))
    for shard in (Shard(0, 2), Shard(1, 2)):
        list(synthesize_clips(shards, LINES, ClipFolder(tmp_path / "shards"), shard=shard))
    assert sorted(whole.spoken, key=repr) == sorted(shards.spoken, key=repr)


def test_present_lines_are_not_spoken_again(system: ToneSystem, tmp_path: Path) -> None:
    list(synthesize_clips(system, LINES[:2], ClipFolder(tmp_path)))
    assert len([*synthesize_clips(system, LINES, ClipFolder(tmp_path))]) == 3


def test_other_lines_and_another_seed_add_to_a_folder(system: ToneSystem, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    [first] = synthesize_clips(system, LINES[:1], folder)
    [other_line] = synthesize_clips(system, LINES[1:2], folder)
    [other_seed] = synthesize_clips(system, LINES[:1], folder, seed=2)
    assert len([*folder.clips()]) == 3
    assert first.voice == other_line.voice != other_seed.voice


def test_speech_ends_after_the_hours_asked_for(system: ToneSystem, tmp_path: Path) -> None:
    one_clip = len(tone(1)) / 16_000 / 3_600
    folder = ClipFolder(tmp_path)
    assert len([*synthesize_clips(system, LINES[:1], folder)]) == 1
    assert len([*synthesize_clips(system, LINES, folder, hours=1.5 * one_clip)]) == 1
    assert len([*synthesize_clips(system, LINES, folder, hours=1.5 * one_clip)]) == 0
