import numpy as np
import pytest
import torch

from synthesizer_service.text import text_to_ids
from tests.training.tiny_training import TEXTS
from training.clips import ClipFolder
from training.errors import TrainingError
from training.recipes import SynthesizerRecipe
from training.synthesizer_batches import FRAMES_AFTER, FRAMES_BEFORE, SILENCE, Batch, Batches

RECIPE = SynthesizerRecipe(batch=2, min_frames=4)


@pytest.fixture
def batches(data: ClipFolder) -> Batches:
    return Batches(data, RECIPE)


def rows(batch: Batch) -> list[tuple[int, ...]]:
    return [tuple(row[row > 0].tolist()) for row in batch.chars]


def test_batch_of_a_step_is_the_same_whenever_it_is_asked_for(data: ClipFolder) -> None:
    steps = (3, 0, 7, 3)
    one, other = (Batches(data, RECIPE) for _ in range(2))
    expected = {step: one(step) for step in sorted(set(steps))}
    for step in steps:
        again = other(step)
        for name in ("chars", "mel", "embeds", "stop", "weight", "far"):
            assert torch.equal(getattr(again, name), getattr(expected[step], name))


def test_epoch_holds_no_clip_twice(batches: Batches) -> None:
    texts = {tuple(text_to_ids(text)) for text in TEXTS}
    for epoch in range(3):
        spoken = rows(batches(2 * epoch)) + rows(batches(2 * epoch + 1))
        assert len(set(spoken)) == 4
        assert set(spoken) <= texts


def test_stop_is_learnt_from_the_last_frame_on(batches: Batches) -> None:
    batch = batches(0)
    for mel, stop, weight in zip(batch.mel, batch.stop, batch.weight, strict=True):
        learnt = int(weight.sum())
        frames = learnt - FRAMES_AFTER
        assert weight[:learnt].all()
        assert not stop[: frames - 1].any()
        assert stop[frames - 1 :].all()
        assert (mel[:, frames:] == SILENCE).all()
    assert batch.mel.shape[2] % RECIPE.r == 0


def test_speech_begins_behind_silence(batches: Batches) -> None:
    batch = batches(0)
    assert (batch.mel[:, :, :FRAMES_BEFORE] == SILENCE).all()
    assert (batch.mel[:, :, FRAMES_BEFORE] > SILENCE).any(dim=1).all()
    assert batch.weight[:, :FRAMES_BEFORE].all()


def test_guide_is_zero_on_the_diagonal_and_in_padding(batches: Batches) -> None:
    batch = batches(0)
    steps = (int(batch.weight[0].sum()) - FRAMES_AFTER) // RECIPE.r
    characters = int((batch.chars[0] > 0).sum())
    far = batch.far[0]
    assert far[0, 0] == 0
    assert far[steps - 1, 0] > far[steps // 2, 0] > 0
    assert far[0, characters - 1] > 0.9
    assert not far[:, characters:].any()
    assert not far[steps:].any()


def test_each_utterance_has_its_own_embedding(data: ClipFolder, batches: Batches) -> None:
    own = {tuple(text_to_ids(clip.text)): data.features(clip).embed for clip in data.ready(4, 700)}
    for step in range(4):
        batch = batches(step)
        for text, embed in zip(rows(batch), batch.embeds.numpy(), strict=True):
            assert np.array_equal(embed, own[text])


def test_too_few_clips_for_a_batch_are_refused(data: ClipFolder) -> None:
    with pytest.raises(TrainingError, match="--batch"):
        Batches(data, SynthesizerRecipe(batch=6, min_frames=4))
