import logging
from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_training import tone
from training.data.clips import Clip, ClipFolder, Features
from training.errors import TrainingError


@pytest.fixture
def folder(tmp_path: Path) -> ClipFolder:
    return ClipFolder(tmp_path / "data")


def added(folder: ClipFolder, name: str = "a", frames: int = 10) -> Clip:
    wav = tone(0, frames)
    clip = Clip(name, "A text, “quoted”.", "someone", len(wav))
    folder.add(clip, wav)
    return clip


def test_clip_comes_back_with_its_sound(folder: ClipFolder) -> None:
    clip = added(folder)
    assert list(folder.clips()) == [clip]
    np.testing.assert_allclose(folder.wav(clip), tone(0, 10), atol=1e-4)
    np.testing.assert_array_equal(folder.wav(clip, 100, 50), folder.wav(clip)[100:150])


def test_features_come_back_in_half_precision(folder: ClipFolder) -> None:
    clip = added(folder)
    mel = np.linspace(-4, 4, 80 * clip.frames, dtype=np.float32).reshape(80, -1)
    embed = np.full(256, 1 / 16, np.float32)
    folder.add_features(clip, Features(mel, embed))
    np.testing.assert_allclose(folder.features(clip).mel, mel, atol=2e-3)
    np.testing.assert_array_equal(folder.features(clip).embed, embed)


def test_clip_without_its_sound_is_not_there(folder: ClipFolder) -> None:
    added(folder, "a")
    added(folder, "b")
    (folder.folder / "clips" / "a.flac").unlink()  # as after a kill between its two files
    assert [clip.name for clip in folder.clips()] == ["b"]
    assert not folder.has("a")


def test_ready_clips_have_features_and_a_fitting_length(
    folder: ClipFolder, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [added(folder, str(frames), frames) for frames in (5, 10, 20)]
    for clip in (clips[0], clips[1]):
        folder.add_features(
            clip, Features(np.zeros((80, 1), np.float32), np.zeros(256, np.float32))
        )
    with caplog.at_level(logging.WARNING, "better"):
        assert folder.ready(min_frames=8, max_frames=30) == [clips[1]]
    assert "1 of 3 clips are used" in caplog.text


def test_folder_without_a_ready_clip_says_what_to_do(folder: ClipFolder) -> None:
    with pytest.raises(TrainingError, match="better train data"):
        folder.ready(1, 100)
