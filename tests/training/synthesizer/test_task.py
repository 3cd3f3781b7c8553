from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import training.synthesizer.task
from synthesizer_service.tacotron.model import Tacotron
from tests.support.tiny_training import TACOTRON, tiny_task, tiny_trainer
from training.data.clips import ClipFolder
from training.recipes import SPEAKING_DROPOUT, Pace, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.task import MEAN_LEVEL, SynthesizerTask, forward, liftering, mix_frames
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


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
    """The true frames, its own and the share withheld, of which the decoder was fed."""
    calls: list[tuple[torch.Tensor, torch.Tensor, float]] = []

    def recorded(true: torch.Tensor, own: torch.Tensor, withheld: float) -> torch.Tensor:
        calls.append((true, own, withheld))
        return mix_frames(true, own, withheld)

    monkeypatch.setattr(training.synthesizer.task, "mix_frames", recorded)
    return calls


@pytest.mark.parametrize("passes", [1, 2])
def test_decoder_is_fed_frames_of_its_own_after_the_first_part_of_a_run(
    data: ClipFolder, mixed: list[tuple[torch.Tensor, torch.Tensor, float]], passes: int
) -> None:
    """Each further pass makes them of those of the pass before."""
    pace = Pace(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(
        batch=2, min_frames=4, own_from=0.5, own_passes=passes, withheld=0.3,
        encoder_dropout=0, decoder_dropout=0, pace=pace,
    )  # fmt: skip
    tiny = SynthesizerTask(data, TACOTRON, recipe)
    tiny.model.eval()  # so that nothing is left to chance
    batch = tiny.batch(0)
    last = batch
    for _ in range(passes):
        last = replace(last, mel=forward(tiny.model, last, refine=False).mel.detach())
    made = tiny.model.decoder.fed(last.mel)
    mixed.clear()
    for step in (4, 5):
        tiny.losses(batch, step)
    (true, before, _), (_, after, withheld) = mixed
    assert torch.equal(true, tiny.model.decoder.fed(batch.mel))
    assert torch.equal(before, true)
    torch.testing.assert_close(after, made, atol=0.01, rtol=0.01)  # bfloat16
    assert not after.requires_grad
    assert withheld == 0.3


def test_text_is_read_once_a_step(data: ClipFolder) -> None:
    """Else the encoder's batch norms would learn from a batch once a pass."""
    tiny = task(data)
    tiny.losses(tiny.batch(0), step=9)
    norms = [m for m in tiny.model.encoder.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert {int(norm.state_dict()["num_batches_tracked"]) for norm in norms} == {1}


def test_each_utterance_is_fed_another_share_of_its_own_frames() -> None:
    torch.manual_seed(0)
    true, own = torch.zeros(200, 300, 80), torch.ones(200, 300, 80)
    mixed = mix_frames(true, own, withheld=0)
    assert torch.equal(mixed.amin(dim=2), mixed.amax(dim=2))  # whole frames are true or its own
    shares = mixed[:, :, 0].mean(dim=0)
    assert shares.min() < 0.2
    assert 0.6 < shares.mean() < 0.75
    assert shares.max() > 0.8


def test_withheld_frames_tell_nothing() -> None:
    torch.manual_seed(0)
    frames = torch.zeros(1_000, 10, 80)
    mixed = mix_frames(frames, frames, withheld=0.2)
    withheld = (mixed == MEAN_LEVEL).all(dim=2)
    assert torch.equal(withheld, (mixed != 0).any(dim=2))
    assert 0.15 < withheld.float().mean() < 0.25


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


def test_error_is_weighted_by_its_cepstrum() -> None:
    matrix = liftering([(1, 1.0), (3, 2.0), (10, 4.0), (66, 0.5)])
    bands = (torch.arange(80) + 0.5) * torch.pi / 80
    edges = (1, 3, 4, 13, 14, 79)
    power = torch.stack([(matrix @ torch.cos(n * bands)).square().sum() / 40 for n in edges])
    torch.testing.assert_close(power, torch.tensor([2, 2, 4, 4, 0.5, 0.5]))
    level = torch.ones(80)
    torch.testing.assert_close(matrix @ level, level)


def test_losses_are_those_of_the_liftered_error(data: ClipFolder) -> None:
    pace = Pace(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, min_frames=4, postnet_from=0, own_from=1, pace=pace)
    tiny = SynthesizerTask(data, TACOTRON, recipe)
    tiny.model.eval()
    batch = tiny.batch(0)
    torch.manual_seed(1)
    outputs = forward(tiny.model, batch, refine=True, withheld=recipe.withheld)
    assert outputs.refined is not None
    torch.manual_seed(1)
    _, losses = tiny.losses(batch, 0)
    for name, mel in (("mel", outputs.mel), ("post", outputs.refined)):
        error = liftering(recipe.lifter) @ (mel - batch.mel)
        expected = (error.square() + error.abs()).mean(dim=1)[batch.weight > 0].mean()
        torch.testing.assert_close(losses[name], expected)


def test_pictures_are_drawn_with_the_dropout_of_use(
    data: ClipFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def watched(model: Tacotron, *given: Any, **named: Any) -> Any:
        seen.extend((model.encoder.pre_net.dropout, model.decoder.prenet.dropout))
        return forward(model, *given, **named)

    monkeypatch.setattr(training.synthesizer.task, "forward", watched)
    tiny = task(data)
    tiny.draw(tiny.model.state_dict(), tmp_path / "picture.png")
    assert seen == [SPEAKING_DROPOUT] * 2


def test_prenets_dropout_is_the_recipes(data: ClipFolder) -> None:
    recipe = replace(task(data).recipe, encoder_dropout=0.3, decoder_dropout=0.6)
    model = SynthesizerTask(data, TACOTRON, recipe).model
    assert (model.encoder.pre_net.dropout, model.decoder.prenet.dropout) == (0.3, 0.6)


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
