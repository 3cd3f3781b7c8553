import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import training.synthesizer.recogniser_loss
from tests.support.tiny_training import TACOTRON, tiny_data, tiny_task, tiny_trainer
from training import TrainingError
from training.data.clips import ClipFolder
from training.recipes import RecogniserRecipe, Schedule, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.recogniser_loss import (
    PHONEMES,
    Recognition,
    feature_loss,
    load_recogniser,
    phoneme_ids,
    phoneme_loss,
    voice_loss,
)
from training.synthesizer.recogniser_task import RecogniserTask
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer

STEPS = 25


class Speller:
    """A stub of espeak: letters as phonemes, some with stress or length."""

    def phonemize(self, text: str, language: str) -> str:
        return text.lower().replace("e", "ˈeː").replace("q", "ʔ")


@pytest.fixture(autouse=True)
def speller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.synthesizer.recogniser_loss, "_tokenizer", Speller)
    phoneme_ids.cache_clear()


def recipe(steps: int = STEPS) -> RecogniserRecipe:
    schedule = Schedule(
        steps, rate=2e-3, last_rate=1e-4, warmup=2, save_every=1000, plot_every=1000
    )
    return RecogniserRecipe(batch=4, min_frames=4, schedule=schedule)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    """Five clips long enough for their texts."""
    return tiny_data(tmp_path_factory.mktemp("data"), frames=40)


@pytest.fixture
def recogniser(data: ClipFolder, tmp_path: Path) -> Path:
    """A run of two steps."""
    run = tmp_path / "recogniser"
    Trainer(RecogniserTask(data, recipe(steps=2)), RunFolder(run)).run()
    return run


def synthesizer_task(data: ClipFolder, recogniser: Path | None, **changes: Any) -> SynthesizerTask:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0, schedule=schedule)
    return SynthesizerTask(data, TACOTRON, replace(recipe, **changes), recogniser=recogniser)


def test_stress_and_length_are_left_out() -> None:
    phonemes = "".join(PHONEMES[index - 1] for index in phoneme_ids("Quite so!"))
    assert phonemes == "tuiteso"


def test_recogniser_learns_phonemes_and_voices(data: ClipFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    Trainer(RecogniserTask(data, recipe()), run).run()
    lines = [json.loads(line) for line in run.log_file.read_text().splitlines()]
    for name in ("phonemes", "voice"):
        losses = [line[name] for line in lines]
        assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert (run.plots / f"{STEPS:07d}.png").read_bytes().startswith(b"\x89PNG")


def test_stopped_recogniser_resumes_exactly(data: ClipFolder, tmp_path: Path) -> None:
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    schedule = replace(recipe().schedule, steps=6, save_every=3)
    steps = replace(recipe(), schedule=schedule)
    Trainer(RecogniserTask(data, steps), whole).run()
    Trainer(
        RecogniserTask(data, replace(steps, schedule=replace(schedule, steps=3))), stopped
    ).run()
    Trainer(RecogniserTask(data, steps), stopped).run()
    one, other = (run.log_file.read_text().splitlines()[3:] for run in (whole, stopped))
    assert one == other


def test_batch_depends_on_its_step_alone(data: ClipFolder) -> None:
    task = RecogniserTask(data, recipe())
    batches = [task.batch(step) for step in (3, 0, 3)]
    assert torch.equal(batches[0].mel, batches[2].mel)
    assert not torch.equal(batches[0].mel, batches[1].mel)


def test_clip_too_short_for_its_text_is_left_out(tmp_path: Path) -> None:
    short = tiny_data(tmp_path, frames=10)  # 5 steps; the shortest text has 7 letters
    with pytest.raises(TrainingError, match="long enough for its text"):
        RecogniserTask(short, recipe())


def test_recognised_phonemes_have_no_loss() -> None:
    phonemes = torch.tensor([[5, 7, 7, 2], [3, 0, 0, 0]])
    said = torch.tensor([[5, 0, 7, 0, 7, 2], [0, 3, 3, 0, 0, 0]])
    weight = torch.ones(2, 12)
    sure = F.one_hot(said, 1 + len(PHONEMES)).float().clamp(min=1e-6).log()
    output = Recognition([], sure, torch.zeros(2, 256))
    assert phoneme_loss(output, phonemes, weight) < 1e-3
    wrong = phonemes.clone()
    wrong[0, 0] = 6
    assert phoneme_loss(output, wrong, weight) > 1


def test_padding_is_left_out_of_the_losses() -> None:
    torch.manual_seed(0)
    weight = torch.ones(1, 40)
    weight[:, 30:] = 0
    layers = [torch.randn(1, 3, 40), torch.randn(1, 3, 20)]
    output = Recognition(layers, torch.randn(1, 20, 40).log_softmax(dim=2), torch.zeros(1, 256))
    padded = Recognition([layer.clone() for layer in layers], output.phonemes.clone(), output.voice)
    padded.layers[0][..., 30:] += 1
    padded.layers[1][..., 15:] += 1
    padded.phonemes[:, 15:] = output.phonemes[:, 15:].flip(2)
    assert feature_loss(padded.layers, output.layers, weight) == 0
    assert feature_loss(padded.layers, output.layers, torch.ones(1, 40)) > 0
    phonemes = torch.tensor([[1, 2, 3]])
    loss = phoneme_loss(output, phonemes, weight)
    assert phoneme_loss(padded, F.pad(phonemes, (0, 2)), weight) == loss
    assert phoneme_loss(padded, phonemes, torch.ones(1, 40)) != loss


def test_recognised_voice_has_no_loss() -> None:
    voices = F.normalize(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    assert voice_loss(Recognition([], torch.zeros(1), voices), voices) < 1e-6
    assert voice_loss(Recognition([], torch.zeros(1), voices), -voices) == pytest.approx(2)


def test_recogniser_losses_train_the_refined_mel(data: ClipFolder, recogniser: Path) -> None:
    def losses(**changes: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        task = synthesizer_task(data, recogniser, **changes)
        task.model.eval()
        torch.manual_seed(1)
        return task.losses(task.batch(0), 0)

    total, each = losses()
    for name, option, weight in (
        ("phonemes", "phoneme_weight", 0.5),
        ("layers", "feature_weight", 3),
        ("voice", "voice_weight", 2),
    ):
        assert each[name].requires_grad
        without, _ = losses(**{option: 0.0})
        torch.testing.assert_close(total - without, weight * each[name], atol=1e-3, rtol=1e-3)


def test_recogniser_trains_the_postnet_from_the_first_step(
    data: ClipFolder, recogniser: Path
) -> None:
    tasks = (synthesizer_task(data, run, postnet_from=0.5) for run in (recogniser, None))
    having, lacking = (task.losses(task.batch(0), 0)[1].keys() for task in tasks)
    assert having - lacking == {"post", "phonemes", "layers", "voice"}


def test_recogniser_is_frozen(data: ClipFolder, recogniser: Path) -> None:
    before = load_recogniser(recogniser).state_dict()
    task = synthesizer_task(data, recogniser)
    run = recogniser.parent / "synthesizer"
    Trainer(task, RunFolder(run)).run()
    assert task._recogniser is not None
    after = task._recogniser.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    saved = RunFolder(run).load()
    assert saved is not None
    assert saved.learner.model.keys() == tiny_task("synthesizer", data, 1).model.state_dict().keys()


def test_weights_of_another_model_are_rejected(data: ClipFolder, tmp_path: Path) -> None:
    tiny_trainer("synthesizer", data, tmp_path, 1).run()
    with pytest.raises(TrainingError, match="better train recogniser"):
        load_recogniser(tmp_path)
