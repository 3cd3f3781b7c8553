import logging
from pathlib import Path

import pytest
import soundfile

from tests.training.tiny_training import tone
from training.clips import ClipFolder
from training.errors import TrainingError
from training.recordings import add_recordings


@pytest.fixture
def ljspeech(tmp_path: Path) -> Path:
    root = tmp_path / "LJ"
    (root / "wavs").mkdir(parents=True)
    for name in ("LJ-1", "LJ-2"):
        soundfile.write(root / "wavs" / f"{name}.wav", tone(0), 16_000)
    (root / "metadata.csv").write_text("LJ-1|In 1900.|In nineteen hundred.\nLJ-2|Yes.|Yes.\n")
    return root


@pytest.fixture
def libritts(tmp_path: Path) -> Path:
    root = tmp_path / "libri"
    for speaker in ("84", "174"):
        chapter = root / "dev-clean" / speaker / "121"
        chapter.mkdir(parents=True)
        soundfile.write(chapter / f"{speaker}_121_0.wav", tone(0, frames=20), 24_000)
        (chapter / f"{speaker}_121_0.normalized.txt").write_text("A line.\n")
        (chapter / f"{speaker}_121_0.original.txt").write_text("A l-line.\n")
    return root


def test_ljspeech_is_one_voice_with_texts_as_they_are_read(ljspeech: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    assert len([*add_recordings(ljspeech, folder)]) == 2
    clips = list(folder.clips())
    assert [clip.text for clip in clips] == ["in nineteen hundred.", "yes."]
    assert {clip.voice for clip in clips} == {"LJ"}


def test_libritts_is_a_voice_a_speaker_at_16_khz(libritts: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    assert len([*add_recordings(libritts, folder)]) == 2
    clips = list(folder.clips())
    assert {clip.voice for clip in clips} == {"84", "174"}
    assert {clip.text for clip in clips} == {"a line."}
    assert all(clip.samples == pytest.approx(4_000 * 16 / 24, abs=2) for clip in clips)


def test_recordings_that_are_there_are_not_copied_again(ljspeech: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    list(add_recordings(ljspeech, folder))
    assert len([*add_recordings(ljspeech, folder)]) == 0


def test_recording_that_cannot_be_read_is_left_out(
    ljspeech: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (ljspeech / "wavs" / "LJ-1.wav").write_bytes(b"no sound")
    (ljspeech / "wavs" / "LJ-2.wav").unlink()
    soundfile.write(ljspeech / "wavs" / "LJ-3.wav", tone(0), 16_000)
    soundfile.write(ljspeech / "wavs" / "LJ-4.wav", 0 * tone(0), 16_000)
    with (ljspeech / "metadata.csv").open("a") as metadata:
        metadata.write("LJ-3|…|…\n\nLJ-4|Silence.\n")
    with caplog.at_level(logging.WARNING, "better"):
        assert len([*add_recordings(ljspeech, ClipFolder(tmp_path / "data"))]) == 0
    assert len(caplog.records) == 4


def test_line_without_a_text_is_named(ljspeech: Path, tmp_path: Path) -> None:
    (ljspeech / "metadata.csv").write_text("LJ-1|Yes.\nLJ-2\n")
    with pytest.raises(TrainingError, match=r"metadata\.csv, line 2 .*'LJ-2'"):
        list(add_recordings(ljspeech, ClipFolder(tmp_path / "data")))


def test_recordings_are_named_after_their_folder_from_within_it(
    ljspeech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ljspeech)
    clips = list(add_recordings(Path(), ClipFolder(tmp_path / "data")))
    assert [clip.name for clip in clips] == ["LJ-LJ-1", "LJ-LJ-2"]


def test_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="LJSpeech"):
        list(add_recordings(tmp_path, ClipFolder(tmp_path / "data")))
