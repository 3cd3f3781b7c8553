from pathlib import Path
from typing import Any

import torch

from tests.training.tiny_training import TACOTRON, tiny_task, tiny_trainer
from training.clips import ClipFolder
from training.recipes import Pace, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer import SynthesizerTask, forward
from training.trainer import Trainer


def task(data: ClipFolder) -> Any:
    return tiny_task("synthesizer", data, 10)


def test_forward_is_the_services_own(data: ClipFolder) -> None:
    tiny = task(data)
    model, batch = tiny.model.eval(), tiny.batch(0)
    torch.manual_seed(1)
    mel, refined, attention, stop = model(batch.chars, batch.mel, batch.embeds)
    torch.manual_seed(1)
    ours = forward(model, batch, refine=True)
    # bfloat16 has 8 bits: encoder and postnet round to about 0.4 %.
    for expected, got in zip(
        (mel, refined, attention, stop),
        (ours.mel, ours.refined, ours.attention, ours.stop),
        strict=True,
    ):
        assert got is not None
        torch.testing.assert_close(got, expected, atol=0.05, rtol=0.05)


def test_postnet_is_trained_only_in_the_last_part_of_a_run(data: ClipFolder) -> None:
    pace = Pace(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    tiny = SynthesizerTask(
        data, TACOTRON, SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0.5, pace=pace)
    )
    assert "post" not in tiny.losses(tiny.batch(4), 4)[1]
    assert "post" in tiny.losses(tiny.batch(5), 5)[1]


def test_padding_adds_nothing_to_the_loss(data: ClipFolder) -> None:
    tiny = task(data)
    tiny.model.eval()
    batch = tiny.batch(0)
    torch.manual_seed(1)
    before = tiny.losses(batch, 0)[1]["mel"]
    # The last step is not fed to any other.
    padding = (batch.weight == 0).unsqueeze(1).expand_as(batch.mel)
    batch.mel[..., -1:][padding[..., -1:]] = 3.0
    torch.manual_seed(1)
    torch.testing.assert_close(tiny.losses(batch, 0)[1]["mel"], before)


def test_frames_a_step_are_the_recipes(data: ClipFolder) -> None:
    assert int(task(data).model.decoder.r) == SynthesizerRecipe().r


def test_run_goes_on_with_fewer_frames_a_step(data: ClipFolder, tmp_path: Path) -> None:
    tiny_trainer("synthesizer", data, tmp_path, 2).run()
    pace = Pace(steps=4, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, r=2, min_frames=4, pace=pace)
    folder = RunFolder(tmp_path)
    Trainer(SynthesizerTask(data, TACOTRON, recipe), folder).run()
    saved = folder.load()
    assert saved is not None
    assert saved.steps == 4
    assert int(saved.average["decoder.r"]) == 2
