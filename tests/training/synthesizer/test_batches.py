from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.audio.mel import mel_spectrogram
from synthesizer_service.text import text_to_ids
from tests.support.tiny_training import TEXTS, tone
from training import TrainingError
from training.data.clips import Clip, ClipFolder, Features
from training.recipes import SynthesizerRecipe
from training.synthesizer.batches import FRAMES_AFTER, FRAMES_BEFORE, SILENCE, Batch, Batches

RECIPE = SynthesizerRecipe(batch=2, min_frames=4)


@pytest.fixture
def batches(data: ClipFolder) -> Batches:
    return Batches(data, RECIPE)


def rows(batch: Batch) -> list[tuple[int, ...]]:
    return [tuple(row[row > 0].tolist()) for row in batch.chars]


def test_batch_depends_on_its_step_alone(data: ClipFolder) -> None:
    steps = (3, 0, 7, 3)
    one, other = (Batches(data, RECIPE) for _ in range(2))
    expected = {step: one(step) for step in sorted(set(steps))}
    for step in steps:
        again = other(step)
        for name in ("chars", "mel", "embeds", "stop", "weight", "far"):
            assert torch.equal(getattr(again, name), getattr(expected[step], name))


def test_epoch_by_clip_holds_each_clip_at_most_once(data: ClipFolder) -> None:
    batches = Batches(data, replace(RECIPE, by_speaker=False))
    texts = {tuple(text_to_ids(text)) for text in TEXTS}
    for epoch in range(3):
        drawn = rows(batches(2 * epoch)) + rows(batches(2 * epoch + 1))
        assert len(set(drawn)) == 4
        assert set(drawn) <= texts


def counted_by_voice(batches: Batches, voice_of: dict[tuple[int, ...], str]) -> Counter[str]:
    epoch = sum(len(ids) for ids in batches._order(0)) // RECIPE.batch
    return Counter(voice_of[row] for step in range(epoch) for row in rows(batches(step)))


def many_clips(
    folder: Path, voices: Sequence[str]
) -> tuple[ClipFolder, dict[tuple[int, ...], str]]:
    """One clip per voice, each with a text of its own."""
    data, voice_of = ClipFolder(folder), dict[tuple[int, ...], str]()
    for number, voice in enumerate(voices):
        text, wav = "a" * (number + 1), tone(number)
        data.add(clip := Clip(f"{number:03d}", text, voice, len(wav)), wav)
        embed = np.full(256, 1 / 16, np.float32)
        data.add_features(clip, Features(mel_spectrogram(wav), embed))
        voice_of[tuple(text_to_ids(text))] = voice
    return data, voice_of


def test_speaker_of_one_clip_is_drawn_as_often_as_one_of_many(tmp_path: Path) -> None:
    data, voice_of = many_clips(tmp_path, 9 * ["84"] + ["174", "251", "422"])
    by_speaker = counted_by_voice(Batches(data, RECIPE), voice_of)
    assert by_speaker == {"84": 3, "174": 3, "251": 3, "422": 3}
    by_clip = counted_by_voice(Batches(data, replace(RECIPE, by_speaker=False)), voice_of)
    assert by_clip == {"84": 9, "174": 1, "251": 1, "422": 1}


def test_recorded_speakers_have_their_share_beside_synthetic_speech(tmp_path: Path) -> None:
    synthetic = [f"kokoro-1-{number // 2:06d}" for number in range(14)]
    data, voice_of = many_clips(tmp_path, [*synthetic, "84", "174"])
    drawn = counted_by_voice(Batches(data, replace(RECIPE, recorded_share=0.25)), voice_of)
    assert (drawn["84"], drawn["174"]) == (2, 2)
    assert sum(drawn[voice] for voice in set(synthetic)) == 12


def test_stop_token_begins_at_the_last_frame(batches: Batches) -> None:
    batch = batches(0)
    for mel, stop, weight in zip(batch.mel, batch.stop, batch.weight, strict=True):
        weighted = int(weight.sum())
        frames = weighted - FRAMES_AFTER
        assert weight[:weighted].all()
        assert not stop[: frames - 1].any()
        assert stop[frames - 1 :].all()
        assert (mel[:, frames:] == SILENCE).all()
    assert batch.mel.shape[2] % RECIPE.r == 0


def test_speech_begins_after_silence(batches: Batches) -> None:
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
    own = {
        tuple(text_to_ids(clip.text)): data.features(clip).embed for clip in data.trainable(4, 700)
    }
    for step in range(4):
        batch = batches(step)
        for text, embed in zip(rows(batch), batch.embeds.numpy(), strict=True):
            assert np.array_equal(embed, own[text])


def test_too_few_clips_for_a_batch_are_rejected(data: ClipFolder) -> None:
    with pytest.raises(TrainingError, match="--batch"):
        Batches(data, SynthesizerRecipe(batch=6, min_frames=4))
