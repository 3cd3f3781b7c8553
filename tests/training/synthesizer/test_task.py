from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import training.synthesizer.scheduled_sampling
import training.synthesizer.task
from synthesizer_service.tacotron.model import Tacotron
from tests.support.tiny_training import TACOTRON, tiny_task, tiny_trainer
from training.data.clips import ClipFolder
from training.recipes import INFERENCE_DROPOUT, Schedule, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.cepstral_loss import liftering
from training.synthesizer.scheduled_sampling import forward, mix_frames
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer


def task(data: ClipFolder) -> Any:
    return tiny_task("synthesizer", data, 10)


def test_postnet_is_trained_only_in_the_last_part_of_a_run(data: ClipFolder) -> None:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    tiny = SynthesizerTask(
        data,
        TACOTRON,
        SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0.5, schedule=schedule),
    )
    assert "post" not in tiny.losses(tiny.batch(4), 4)[1]
    assert "post" in tiny.losses(tiny.batch(5), 5)[1]


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
    """Calls of `mix_frames`: true frames, predicted frames, frame dropout."""
    calls: list[tuple[torch.Tensor, torch.Tensor, float]] = []

    def recorded(true: torch.Tensor, predicted: torch.Tensor, frame_dropout: float) -> torch.Tensor:
        calls.append((true, predicted, frame_dropout))
        return mix_frames(true, predicted, frame_dropout)

    monkeypatch.setattr(training.synthesizer.scheduled_sampling, "mix_frames", recorded)
    return calls


@pytest.mark.parametrize("passes", [1, 2])
def test_scheduled_sampling_begins_after_the_first_part_of_a_run(
    data: ClipFolder, mixed: list[tuple[torch.Tensor, torch.Tensor, float]], passes: int
) -> None:
    """Each further pass is fed the output of the pass before."""
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(
        batch=2, min_frames=4, sampling_from=0.5, sampling_passes=passes, frame_dropout=0.3,
        encoder_dropout=0, decoder_dropout=0, schedule=schedule,
    )  # fmt: skip
    tiny = SynthesizerTask(data, TACOTRON, recipe)
    tiny.model.eval()  # deterministic
    batch = tiny.batch(0)
    last = batch
    for _ in range(passes):
        last = replace(last, mel=forward(tiny.model, last, refine=False).mel.detach())
    predicted = tiny.model.decoder.fed(last.mel)
    mixed.clear()
    for step in (4, 5):
        tiny.losses(batch, step)
    (true, before, _), (_, after, frame_dropout) = mixed
    assert torch.equal(true, tiny.model.decoder.fed(batch.mel))
    assert torch.equal(before, true)
    torch.testing.assert_close(after, predicted, atol=0.01, rtol=0.01)  # bfloat16
    assert not after.requires_grad
    assert frame_dropout == 0.3


def test_text_is_encoded_once_per_step(data: ClipFolder) -> None:
    """Otherwise the encoder's batch norms would count a batch once per pass."""
    tiny = task(data)
    tiny.losses(tiny.batch(0), step=9)
    norms = [m for m in tiny.model.encoder.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert {int(norm.state_dict()["num_batches_tracked"]) for norm in norms} == {1}


def test_padding_adds_nothing_to_the_loss(data: ClipFolder) -> None:
    tiny = task(data)
    tiny.model.eval()
    batch = tiny.batch(0)
    torch.manual_seed(1)
    before = tiny.losses(batch, 0)[1]["mel"]
    # The last frame is no other step's input.
    padding = (batch.weight == 0).unsqueeze(1).expand_as(batch.mel)
    batch.mel[..., -1:][padding[..., -1:]] = 3.0
    torch.manual_seed(1)
    torch.testing.assert_close(tiny.losses(batch, 0)[1]["mel"], before)


def test_losses_are_those_of_the_liftered_error(data: ClipFolder) -> None:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(
        batch=2, min_frames=4, postnet_from=0, sampling_from=1, schedule=schedule
    )
    tiny = SynthesizerTask(data, TACOTRON, recipe)
    tiny.model.eval()
    batch = tiny.batch(0)
    torch.manual_seed(1)
    outputs = forward(tiny.model, batch, refine=True, frame_dropout=recipe.frame_dropout)
    assert outputs.refined is not None
    torch.manual_seed(1)
    _, losses = tiny.losses(batch, 0)
    for name, mel in (("mel", outputs.mel), ("post", outputs.refined)):
        error = liftering(recipe.lifter) @ (mel - batch.mel)
        expected = (error.square() + error.abs()).mean(dim=1)[batch.weight > 0].mean()
        torch.testing.assert_close(losses[name], expected)


def test_plots_use_the_inference_dropout(
    data: ClipFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def watched(model: Tacotron, *given: Any, **named: Any) -> Any:
        seen.extend((model.encoder.pre_net.dropout, model.decoder.prenet.dropout))
        return forward(model, *given, **named)

    monkeypatch.setattr(training.synthesizer.task, "forward", watched)
    tiny = task(data)
    tiny.plot(tiny.model.state_dict(), tmp_path / "plot.png")
    assert seen == [INFERENCE_DROPOUT] * 2


def test_prenet_dropout_is_the_recipes(data: ClipFolder) -> None:
    recipe = replace(task(data).recipe, encoder_dropout=0.3, decoder_dropout=0.6)
    model = SynthesizerTask(data, TACOTRON, recipe).model
    assert (model.encoder.pre_net.dropout, model.decoder.prenet.dropout) == (0.3, 0.6)


def test_frames_per_step_are_the_recipes(data: ClipFolder) -> None:
    assert int(task(data).model.decoder.r) == SynthesizerRecipe().r


def test_run_resumes_with_fewer_frames_per_step(data: ClipFolder, tmp_path: Path) -> None:
    tiny_trainer("synthesizer", data, tmp_path, 2).run()
    schedule = Schedule(steps=4, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, r=2, min_frames=4, schedule=schedule)
    folder = RunFolder(tmp_path)
    Trainer(SynthesizerTask(data, TACOTRON, recipe), folder).run()
    saved = folder.load()
    assert saved is not None
    assert saved.steps == 4
    assert int(saved.average["decoder.r"]) == 2
