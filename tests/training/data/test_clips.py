import logging
from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_training import tone
from training import TrainingError
from training.data.clips import Clip, ClipFolder, Features, Shard


@pytest.fixture
def folder(tmp_path: Path) -> ClipFolder:
    return ClipFolder(tmp_path / "data")


def added(folder: ClipFolder, name: str = "a", frames: int = 10) -> Clip:
    wav = tone(0, frames)
    clip = Clip(name, "A text, “quoted”.", "someone", len(wav))
    folder.add(clip, wav)
    return clip


def test_clip_is_read_back_with_its_sound(folder: ClipFolder) -> None:
    clip = added(folder)
    assert list(folder.clips()) == [clip]
    np.testing.assert_allclose(folder.wav(clip), tone(0, 10), atol=1e-4)
    np.testing.assert_array_equal(folder.wav(clip, 100, 50), folder.wav(clip)[100:150])


def test_features_are_read_back_in_half_precision(folder: ClipFolder) -> None:
    clip = added(folder)
    mel = np.linspace(-4, 4, 80 * clip.frames, dtype=np.float32).reshape(80, -1)
    embed = np.full(256, 1 / 16, np.float32)
    folder.add_features(clip, Features(mel, embed))
    np.testing.assert_allclose(folder.features(clip).mel, mel, atol=2e-3)
    np.testing.assert_array_equal(folder.features(clip).embed, embed)


def test_clip_without_its_sound_does_not_exist(folder: ClipFolder) -> None:
    added(folder, "a")
    added(folder, "b")
    (folder.folder / "clips" / "a.flac").unlink()  # as after a kill between the two files
    assert [clip.name for clip in folder.clips()] == ["b"]
    assert not folder.has("a")


def test_trainable_clips_have_features_and_a_fitting_length(
    folder: ClipFolder, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [added(folder, str(frames), frames) for frames in (5, 10, 20)]
    for clip in (clips[0], clips[1]):
        folder.add_features(
            clip, Features(np.zeros((80, 1), np.float32), np.zeros(256, np.float32))
        )
    with caplog.at_level(logging.WARNING, "better"):
        assert folder.trainable(min_frames=8, max_frames=30) == [clips[1]]
    assert "1 of 3 clips are used" in caplog.text


def test_folder_without_a_trainable_clip_names_the_remedy(folder: ClipFolder) -> None:
    with pytest.raises(TrainingError, match="better train data"):
        folder.trainable(1, 100)


@pytest.mark.parametrize(
    ("voice", "synthetic"),
    [
        ("kokoro-1-000000", True),
        ("joe-2-000001-variant-1", True),
        ("84", False),
        ("LJSpeech-1.1", False),
        ("84-variant-1", False),
    ],
)
def test_voice_tells_synthetic_speech_from_recordings(voice: str, synthetic: bool) -> None:
    assert Clip("a", "A text.", voice, 1).is_synthetic is synthetic


@pytest.mark.parametrize("text", ["2/2", "-1/2", "1", "a/b", "0/0"])
def test_malformed_shard_is_rejected(text: str) -> None:
    with pytest.raises(TrainingError, match="like 0/2"):
        Shard.parsed(text)


def test_shards_of_two_are_parsed_and_hold_every_item_once() -> None:
    shards = [Shard.parsed("0/2"), Shard.parsed("1/2")]
    assert shards == [Shard(0, 2), Shard(1, 2)]
    assert [[item in shard for item in range(4)] for shard in shards] == [
        [True, False, True, False],
        [False, True, False, True],
    ]
