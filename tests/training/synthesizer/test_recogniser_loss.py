import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import training.data.phonemes
from tests.support.tiny_training import TACOTRON, tiny_data, tiny_task, tiny_trainer
from training.data.clips import ClipFolder
from training.data.phonemes import PHONEMES, phoneme_ids
from training.errors import TrainingError
from training.recipes import ListenerRecipe, Pace, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.recogniser_loss import (
    Heard,
    RecogniserTask,
    layers_loss,
    load_listener,
    phoneme_loss,
    voice_loss,
)
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer

STEPS = 25


class Speller:
    """Stands in for espeak: letters for phonemes, some with a stress or a length."""

    def phonemize(self, text: str, language: str) -> str:
        return text.lower().replace("e", "ˈeː").replace("q", "ʔ")


@pytest.fixture(autouse=True)
def spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.data.phonemes, "_tokenizer", Speller)
    phoneme_ids.cache_clear()


def recipe(steps: int = STEPS) -> ListenerRecipe:
    pace = Pace(steps, rate=2e-3, last_rate=1e-4, warmup=2, save_every=1000, draw_every=1000)
    return ListenerRecipe(batch=4, min_frames=4, pace=pace)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    """Five clips long enough for what is said in them."""
    return tiny_data(tmp_path_factory.mktemp("listened"), frames=40)


@pytest.fixture
def listener(data: ClipFolder, tmp_path: Path) -> Path:
    """A run of a few steps."""
    run = tmp_path / "listener"
    Trainer(RecogniserTask(data, recipe(steps=2)), RunFolder(run)).run()
    return run


def taught(data: ClipFolder, listener: Path | None, **changes: Any) -> SynthesizerTask:
    pace = Pace(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    spoken = SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0, pace=pace)
    return SynthesizerTask(data, TACOTRON, replace(spoken, **changes), listener=listener)


def test_stress_and_length_are_no_phonemes() -> None:
    heard = "".join(PHONEMES[index - 1] for index in phoneme_ids("Quite so!"))
    assert heard == "tuiteso"


def test_listener_learns_what_is_said_and_who_says_it(data: ClipFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    Trainer(RecogniserTask(data, recipe()), run).run()
    lines = [json.loads(line) for line in run.log_file.read_text().splitlines()]
    for name in ("phonemes", "voice"):
        losses = [line[name] for line in lines]
        assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert (run.pictures / f"{STEPS:07d}.png").read_bytes().startswith(b"\x89PNG")


def test_listener_goes_on_as_if_it_had_not_been_stopped(data: ClipFolder, tmp_path: Path) -> None:
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    pace = replace(recipe().pace, steps=6, save_every=3)
    steps = replace(recipe(), pace=pace)
    Trainer(RecogniserTask(data, steps), whole).run()
    Trainer(RecogniserTask(data, replace(steps, pace=replace(pace, steps=3))), stopped).run()
    Trainer(RecogniserTask(data, steps), stopped).run()
    one, other = (run.log_file.read_text().splitlines()[3:] for run in (whole, stopped))
    assert one == other


def test_batch_of_a_step_is_the_same_whenever_it_is_asked_for(data: ClipFolder) -> None:
    task = RecogniserTask(data, recipe())
    batches = [task.batch(step) for step in (3, 0, 3)]
    assert torch.equal(batches[0].mel, batches[2].mel)
    assert not torch.equal(batches[0].mel, batches[1].mel)


def test_text_that_cannot_be_said_in_its_clip_is_left_out(tmp_path: Path) -> None:
    short = tiny_data(tmp_path, frames=10)  # 5 steps; the shortest text has 7 letters
    with pytest.raises(TrainingError, match="in its time"):
        RecogniserTask(short, recipe())


def test_phonemes_that_are_heard_cost_nothing() -> None:
    phonemes = torch.tensor([[5, 7, 7, 2], [3, 0, 0, 0]])
    said = torch.tensor([[5, 0, 7, 0, 7, 2], [0, 3, 3, 0, 0, 0]])
    weight = torch.ones(2, 12)
    sure = F.one_hot(said, 1 + len(PHONEMES)).float().clamp(min=1e-6).log()
    heard = Heard([], sure, torch.zeros(2, 256))
    assert phoneme_loss(heard, phonemes, weight) < 1e-3
    wrong = phonemes.clone()
    wrong[0, 0] = 6
    assert phoneme_loss(heard, wrong, weight) > 1


def test_padding_is_not_listened_to() -> None:
    torch.manual_seed(0)
    weight = torch.ones(1, 40)
    weight[:, 30:] = 0
    layers = [torch.randn(1, 3, 40), torch.randn(1, 3, 20)]
    heard = Heard(layers, torch.randn(1, 20, 40).log_softmax(dim=2), torch.zeros(1, 256))
    padded = Heard([layer.clone() for layer in layers], heard.phonemes.clone(), heard.voice)
    padded.layers[0][..., 30:] += 1
    padded.layers[1][..., 15:] += 1
    padded.phonemes[:, 15:] = heard.phonemes[:, 15:].flip(2)
    assert layers_loss(padded.layers, heard.layers, weight) == 0
    assert layers_loss(padded.layers, heard.layers, torch.ones(1, 40)) > 0
    phonemes = torch.tensor([[1, 2, 3]])
    said = phoneme_loss(heard, phonemes, weight)
    assert phoneme_loss(padded, F.pad(phonemes, (0, 2)), weight) == said
    assert phoneme_loss(padded, phonemes, torch.ones(1, 40)) != said


def test_voice_that_is_heard_costs_nothing() -> None:
    voices = F.normalize(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    assert voice_loss(Heard([], torch.zeros(1), voices), voices) < 1e-6
    assert voice_loss(Heard([], torch.zeros(1), voices), -voices) == pytest.approx(2)


def test_listener_teaches_the_refined_mel(data: ClipFolder, listener: Path) -> None:
    def losses(**changes: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        task = taught(data, listener, **changes)
        task.model.eval()
        torch.manual_seed(1)
        return task.losses(task.batch(0), 0)

    total, each = losses()
    for name, weight in (("phonemes", 0.5), ("layers", 3), ("voice", 2)):
        assert each[name].requires_grad
        without, _ = losses(**{name: 0.0})
        torch.testing.assert_close(total - without, weight * each[name], atol=1e-3, rtol=1e-3)


def test_postnet_is_trained_from_the_first_step_for_a_listener(
    data: ClipFolder, listener: Path
) -> None:
    task, alone = (taught(data, by, postnet_from=0.5) for by in (listener, None))
    listened_to, not_yet = (each.losses(each.batch(0), 0)[1].keys() for each in (task, alone))
    assert listened_to - not_yet == {"post", "phonemes", "layers", "voice"}


def test_teaching_leaves_the_listener_as_it_is(data: ClipFolder, listener: Path) -> None:
    before = load_listener(listener).state_dict()
    task = taught(data, listener)
    run = listener.parent / "synthesizer"
    Trainer(task, RunFolder(run)).run()
    assert task._listener is not None
    after = task._listener.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    saved = RunFolder(run).load()
    assert saved is not None
    assert saved.learner.model.keys() == tiny_task("synthesizer", data, 1).model.state_dict().keys()


def test_weights_of_another_model_are_no_listener(data: ClipFolder, tmp_path: Path) -> None:
    tiny_trainer("synthesizer", data, tmp_path, 1).run()
    with pytest.raises(TrainingError, match="better train listener"):
        load_listener(tmp_path)
