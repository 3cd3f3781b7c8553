import shutil
from pathlib import Path

import pytest

from shared.voices import sample_path
from training import TrainingError
from training.evaluation.voices import clips_in_turn, read_voices, recorded_voices


def test_clips_of_one_name_are_rejected(tmp_path: Path) -> None:
    other = tmp_path / sample_path("rowan").name
    shutil.copy(sample_path("rowan"), other)
    assert [voice.name for voice in read_voices([other])] == ["rowan"]
    with pytest.raises(TrainingError, match="two clips are named rowan"):
        read_voices([sample_path("rowan"), other])


def test_one_clip_of_a_speaker_is_the_reference_and_others_are_copied(speakers: Path) -> None:
    voices = {voice.name: voice for voice in recorded_voices(speakers)}
    many, one = voices["84"], voices["174"]
    assert many.reference.seconds == pytest.approx(6)
    assert [clip.text for clip in many.clips] == ["CLIP 0", "CLIP 2"]
    assert one.clips == (one.reference,)
    turns = [(name, clip.text) for name, clip in clips_in_turn([many, one])]
    assert turns == [("84", "CLIP 0"), ("174", "CLIP 0"), ("84", "CLIP 2")]
