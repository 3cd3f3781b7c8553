from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.support.tiny_training import TACOTRON, recogniser_recipe, tiny_task, tiny_trainer
from training import TrainingError
from training.data.clips import ClipFolder
from training.recipes import Schedule, SynthesizerRecipe
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

pytestmark = pytest.mark.usefixtures("speller")


@pytest.fixture
def recogniser(long_clips: ClipFolder, tmp_path: Path) -> Path:
    """A run of two steps."""
    run = tmp_path / "recogniser"
    Trainer(RecogniserTask(long_clips, recogniser_recipe(steps=2)), RunFolder(run)).run()
    return run


def synthesizer_task(data: ClipFolder, recogniser: Path | None, **changes: Any) -> SynthesizerTask:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0, schedule=schedule)
    return SynthesizerTask(data, TACOTRON, replace(recipe, **changes), recogniser=recogniser)


def test_stress_and_length_are_left_out() -> None:
    phonemes = "".join(PHONEMES[index - 1] for index in phoneme_ids("Quite so!"))
    assert phonemes == "tuiteso"


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


def test_recogniser_losses_train_the_refined_mel(long_clips: ClipFolder, recogniser: Path) -> None:
    def losses(**changes: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        task = synthesizer_task(long_clips, recogniser, **changes)
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
    long_clips: ClipFolder, recogniser: Path
) -> None:
    tasks = (synthesizer_task(long_clips, run, postnet_from=0.5) for run in (recogniser, None))
    having, lacking = (task.losses(task.batch(0), 0)[1].keys() for task in tasks)
    assert having - lacking == {"post", "phonemes", "layers", "voice"}


def test_recogniser_is_frozen(long_clips: ClipFolder, recogniser: Path) -> None:
    before = load_recogniser(recogniser).state_dict()
    task = synthesizer_task(long_clips, recogniser)
    run = recogniser.parent / "synthesizer"
    Trainer(task, RunFolder(run)).run()
    assert task._recogniser is not None
    after = task._recogniser.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    saved = RunFolder(run).load()
    assert saved is not None
    assert (
        saved.learner.model.keys()
        == tiny_task("synthesizer", long_clips, 1).model.state_dict().keys()
    )


def test_weights_of_another_model_are_rejected(long_clips: ClipFolder, tmp_path: Path) -> None:
    tiny_trainer("synthesizer", long_clips, tmp_path, 1).run()
    with pytest.raises(TrainingError, match="better train recogniser"):
        load_recogniser(tmp_path)
