from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.tiny_training import tiny_data, tiny_task, tiny_trainer
from training.clips import ClipFolder
from training.recipes import SynthesizerRecipe
from training.synthesized import add_synthesized
from training.vocoder import VocoderTask


@pytest.fixture
def own_data(tmp_path: Path) -> ClipFolder:
    return tiny_data(tmp_path / "data")


@pytest.fixture
def synthesizer(own_data: ClipFolder, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("training.synthesized.SynthesizerRecipe", lambda: SHORT)
    tiny_trainer("synthesizer", own_data, run, 1).run()
    return run


SHORT = SynthesizerRecipe(min_frames=4)


def test_clips_get_mels_of_their_own_length_once(own_data: ClipFolder, synthesizer: Path) -> None:
    assert len([*add_synthesized(own_data, synthesizer)]) == 5
    for clip in own_data.clips():
        mel = own_data.synthesized(clip)
        assert mel.shape == (80, clip.frames)
        assert np.abs(mel).max() <= 4
    assert len([*add_synthesized(own_data, synthesizer)]) == 0
    assert len([*add_synthesized(own_data, synthesizer, replace=True)]) == 5


def test_vocoder_learns_from_them_when_told_to(own_data: ClipFolder, synthesizer: Path) -> None:
    plain = tiny_task("vocoder", own_data, 1)
    assert isinstance(plain, VocoderTask)
    told = VocoderTask(own_data, plain.model.hparams, replace(plain.recipe, synthesized=True))
    before, without = plain.batch(0), told.batch(0)
    assert np.array_equal(before.mel, without.mel)  # none are there yet
    list(add_synthesized(own_data, synthesizer))
    after = told.batch(0)
    assert np.array_equal(after.labels, before.labels)
    assert not np.array_equal(after.mel, before.mel)
