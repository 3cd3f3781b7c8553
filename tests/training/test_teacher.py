from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.tensors import Float32Array
from tests.training.tiny_training import tone
from training.clips import ClipFolder
from training.errors import TrainingError
from training.teacher import MALE_STYLE, SHIFTS, Share, Voice, teach

STYLES = ["jf_alpha", "jf_beta", MALE_STYLE]
LINES = [f"This is line {number}." for number in range(6)]


class ToneTeacher:
    """Speaks in tones, and not at all where a line holds "3"."""

    styles: Sequence[str] = STYLES

    def __init__(self) -> None:
        self.spoken: list[tuple[str, Voice, float]] = []

    def speak(self, text: str, voice: Voice, tempo: float) -> Float32Array | None:
        if "3" in text:
            return None
        self.spoken.append((text, voice, tempo))
        return tone(1)


@pytest.fixture
def teacher() -> ToneTeacher:
    return ToneTeacher()


def test_neighbouring_lines_share_a_voice(teacher: ToneTeacher, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    assert len([*teach(teacher, LINES, folder)]) == 5
    voices = {text: voice for text, voice, _ in teacher.spoken}
    assert voices[LINES[0]] == voices[LINES[1]] != voices[LINES[4]] == voices[LINES[5]]
    assert [clip.text for clip in folder.clips()] == [*LINES[:3], *LINES[4:]]
    assert len({clip.voice for clip in folder.clips()}) == 3


def test_line_sounds_the_same_whichever_process_speaks_it(tmp_path: Path) -> None:
    whole, shares = ToneTeacher(), ToneTeacher()
    list(teach(whole, LINES, ClipFolder(tmp_path / "whole")))
    for share in (Share(0, 2), Share(1, 2)):
        list(teach(shares, LINES, ClipFolder(tmp_path / "shares"), share=share))
    assert sorted(whole.spoken, key=repr) == sorted(shares.spoken, key=repr)


def test_what_is_spoken_is_not_spoken_again(teacher: ToneTeacher, tmp_path: Path) -> None:
    list(teach(teacher, LINES[:2], ClipFolder(tmp_path)))
    assert len([*teach(teacher, LINES, ClipFolder(tmp_path))]) == 3


def test_teacher_stops_after_the_hours_asked_for(teacher: ToneTeacher, tmp_path: Path) -> None:
    one_clip = len(tone(1)) / 16_000 / 3_600
    assert len([*teach(teacher, LINES, ClipFolder(tmp_path), hours=1.5 * one_clip)]) == 2


def test_drawn_voices_stay_within_what_sounds_human() -> None:
    rng = np.random.default_rng(0)
    voices = [Voice.drawn(rng, STYLES) for _ in range(200)]
    for voice in voices:
        low, high = SHIFTS[voice.style == MALE_STYLE]
        assert low <= voice.shift <= high
        assert -0.3 <= voice.mix <= 0.6
    assert 0.3 < np.mean([voice.style == MALE_STYLE for voice in voices]) < 0.5


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0"])
def test_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TrainingError, match="like 0/2"):
        Share.parsed(text)


def test_shares_of_two_are_read() -> None:
    assert [Share.parsed("0/2"), Share.parsed("1/2")] == [Share(0, 2), Share(1, 2)]
