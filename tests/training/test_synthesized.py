from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

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


def test_some_are_made_of_the_network_s_own_frames(
    own_data: ClipFolder, synthesizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.synthesized.SPEAKING_DROPOUT", 0.0)
    list(add_synthesized(own_data, synthesizer))
    in_turn = [own_data.synthesized(clip) for clip in own_data.clips()]
    monkeypatch.setattr("training.synthesized.MOST_PASSES", 1)
    list(add_synthesized(own_data, synthesizer, replace=True))
    fed_truth = [own_data.synthesized(clip) for clip in own_data.clips()]
    same = [np.array_equal(*pair) for pair in zip(in_turn, fed_truth, strict=True)]
    assert same == [True, False, False, True, False]


def test_share_of_the_windows_is_of_true_mels_all_the_same(
    own_data: ClipFolder, synthesizer: Path
) -> None:
    plain = tiny_task("vocoder", own_data, 1)
    assert isinstance(plain, VocoderTask)
    recipe = replace(plain.recipe, batch=40, roughened=0.0)
    true = VocoderTask(own_data, plain.model.hparams, recipe).batch(0)
    list(add_synthesized(own_data, synthesizer))
    recipe = replace(recipe, synthesized=True)
    told = VocoderTask(own_data, plain.model.hparams, recipe).batch(0)
    of_true_mels = [torch.equal(*pair) for pair in zip(told.mel, true.mel, strict=True)]
    assert 2 < sum(of_true_mels) < 20  # a quarter of 40


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
