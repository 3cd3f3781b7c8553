from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.tiny_training import tiny_data, tiny_task, tiny_trainer
from training import TrainingError
from training.data.clips import ClipFolder
from training.data.synthesized_mels import add_synthesized
from training.recipes import SynthesizerRecipe
from training.synthesizer.scheduled_sampling import predicted_mel
from training.vocoder.wavernn import WaveRNNTask


@pytest.fixture
def own_data(tmp_path: Path) -> ClipFolder:
    return tiny_data(tmp_path / "data")


@pytest.fixture
def synthesizer(own_data: ClipFolder, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("training.data.synthesized_mels.SynthesizerRecipe", lambda: SHORT)
    tiny_trainer("synthesizer", own_data, run, 1).run()
    return run


SHORT = SynthesizerRecipe(min_frames=4)


def test_clips_get_mels_of_their_length_once(own_data: ClipFolder, synthesizer: Path) -> None:
    assert len([*add_synthesized(own_data, synthesizer)]) == 5
    for clip in own_data.clips():
        mel = own_data.synthesized(clip)
        assert mel.shape == (80, clip.frames)
        assert np.abs(mel).max() <= 4
    assert len([*add_synthesized(own_data, synthesizer)]) == 0
    assert len([*add_synthesized(own_data, synthesizer, replace=True)]) == 5


def test_lost_mel_is_recomputed_identically(own_data: ClipFolder, synthesizer: Path) -> None:
    list(add_synthesized(own_data, synthesizer))
    third = [*own_data.clips()][2]
    before = own_data.synthesized(third)
    (own_data.folder / "synthesized" / f"{third.name}.npy").unlink()
    assert [*add_synthesized(own_data, synthesizer)] == [third]
    assert np.array_equal(own_data.synthesized(third), before)


def test_clips_get_one_to_three_decoder_passes_in_turn(
    own_data: ClipFolder, synthesizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []

    def recording(*args: Any) -> Tensor:
        passes.append(args[-1])
        return predicted_mel(*args)

    monkeypatch.setattr("training.data.synthesized_mels.predicted_mel", recording)
    monkeypatch.setattr("training.data.synthesized_mels.INFERENCE_DROPOUT", 0.0)
    list(add_synthesized(own_data, synthesizer))
    assert passes == [1, 2, 3, 1, 2]
    in_turn = [own_data.synthesized(clip) for clip in own_data.clips()]
    monkeypatch.setattr("training.data.synthesized_mels.MAX_PASSES", 1)
    list(add_synthesized(own_data, synthesizer, replace=True))
    teacher_forced = [own_data.synthesized(clip) for clip in own_data.clips()]
    same = [np.array_equal(*pair) for pair in zip(in_turn, teacher_forced, strict=True)]
    assert same == [True, False, False, True, False]


def test_share_of_the_windows_keeps_true_mels(own_data: ClipFolder, synthesizer: Path) -> None:
    plain = tiny_task("vocoder", own_data, 1)
    assert isinstance(plain, WaveRNNTask)
    hparams = plain.model.hparams
    recipe = replace(plain.recipe, batch=40, degraded_share=0.0)
    true = WaveRNNTask(own_data, hparams, recipe).batch(0)
    list(add_synthesized(own_data, synthesizer))
    recipe = replace(recipe, synthesized=True)
    mixed = WaveRNNTask(own_data, hparams, recipe).batch(0)
    of_true_mels = [torch.equal(*pair) for pair in zip(mixed.mel, true.mel, strict=True)]
    assert 4 < sum(of_true_mels) < 17  # a quarter of 40


def test_only_true_mels_are_degraded(own_data: ClipFolder, synthesizer: Path) -> None:
    list(add_synthesized(own_data, synthesizer))
    plain = tiny_task("vocoder", own_data, 1)
    assert isinstance(plain, WaveRNNTask)
    recipe = replace(
        plain.recipe, batch=1, synthesized=True
    )  # one window: no other changes its draws
    smooth, rough = (
        WaveRNNTask(own_data, plain.model.hparams, replace(recipe, degraded_share=share))
        for share in (0.0, 1.0)
    )
    same = [torch.equal(smooth.batch(step).mel, rough.batch(step).mel) for step in range(40)]
    assert 23 < sum(same) < 36  # three quarters of 40


def test_vocoder_trains_on_them_when_asked(own_data: ClipFolder, synthesizer: Path) -> None:
    plain = tiny_task("vocoder", own_data, 1)
    assert isinstance(plain, WaveRNNTask)
    recipe, hparams = replace(plain.recipe, synthesized=True), plain.model.hparams
    with pytest.raises(TrainingError, match="features DATA --synthesizer"):
        WaveRNNTask(own_data, hparams, recipe)
    list(add_synthesized(own_data, synthesizer))
    before, after = plain.batch(0), WaveRNNTask(own_data, hparams, recipe).batch(0)
    assert np.array_equal(after.labels, before.labels)
    assert not np.array_equal(after.mel, before.mel)
