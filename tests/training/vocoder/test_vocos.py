"""Training that only Vocos has; test_trainer.py tests the runs of all models."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared.checkpoints.manifest import CheckpointError
from tests.support.tiny_training import VOCOS, tiny_task, tiny_trainer
from training import TrainingError
from training.data.clips import ClipFolder
from training.recipes import DiscriminatorSizes, Schedule, VocosRecipe
from training.run_folder import RunFolder, StateDict
from training.vocoder.discriminators import Discriminators
from training.vocoder.vocos import VocosTask
from training.weights import export, read_discriminators, read_weights
from vocoder_service.vocos import vocoder as vocos
from vocoder_service.vocos.model import Vocos

OLD_NAMES = {
    "embed.conv.": "inp.", "embed.norm.": "n0.", "dwconv.": "dw.", "pwconv1.": "p1.",
    "pwconv2.": "p2.", "gamma": "g", "final_norm.": "n1.",
}  # fmt: skip
OLD_DISCRIMINATORS = DiscriminatorSizes(
    period_channels=(4, 4), n_ffts=(64,), spectrogram_channels=4
)


@pytest.fixture
def trained(data: ClipFolder, run: Path) -> Path:
    tiny_trainer("vocos", data, run, 6).run()
    return run


def prototype(folder: Path) -> tuple[Path, StateDict, StateDict]:
    """A state file of the prototype, its weights and discriminators under today's names."""
    weights = Vocos(VOCOS).state_dict()
    discriminators = Discriminators(OLD_DISCRIMINATORS).state_dict()
    old = {"window": torch.hann_window(800)}
    for name, value in weights.items():
        if name != "step":
            for new_name, old_name in OLD_NAMES.items():
                name = name.replace(new_name, old_name)
            old[name] = value
    old_discriminators = {"d.5.w": torch.hann_window(64)}
    for name, value in discriminators.items():
        kind, place, rest = name.split(".", maxsplit=2)
        number = int(place) + 5 * (kind == "spectrograms")
        rest = rest.replace("convs.", "L.").replace("out.", "o.")
        old_discriminators[f"d.{number}.{rest}"] = (
            value.transpose(2, 3) if value.dim() == 4 else value
        )
    optimizer = {"state": {}, "param_groups": [{"lr": np.float64(1e-4)}]}
    content = {"g": old, "d": old_discriminators, "og": optimizer, "od": optimizer, "s": 700}
    average = {name: value / 2 for name, value in old.items()}
    torch.save({**content, "ema": average, "warm": 0}, folder / "s.pt")
    return folder / "s.pt", weights, discriminators


def same(one: StateDict, other: StateDict) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def test_discriminators_come_in_after_the_first_steps_and_are_saved(
    data: ClipFolder, trained: Path
) -> None:
    lines = [json.loads(line) for line in RunFolder(trained).log_file.read_text().splitlines()]
    assert ["discriminators" in line for line in lines] == 4 * [False] + 2 * [True]
    kept = read_discriminators(trained)
    fresh = tiny_task("vocos", data, 1).discriminators
    assert kept
    assert fresh
    assert not same(kept, fresh.model.state_dict())


def test_models_loss_leaves_the_discriminators_alone(data: ClipFolder) -> None:
    task: Any = tiny_task("vocos", data, 10)
    task.model.step.data.fill_(task.recipe.adversarial_from)
    total, _ = task.losses(task.batch(0), 0)
    task.discriminators.model.zero_grad()
    total.backward()
    discriminators = [*task.discriminators.model.parameters()]
    assert task.model.embed.conv.weight.grad is not None
    assert all(parameter.grad is None and parameter.requires_grad for parameter in discriminators)


def test_start_loads_discriminators_and_steps(data: ClipFolder, trained: Path) -> None:
    task: Any = tiny_task("vocos", data, 10, start=trained)
    assert task.model.step == 6
    kept = read_discriminators(trained)
    assert kept
    assert same(kept, task.discriminators.model.state_dict())
    assert "discriminators" in task.losses(task.batch(0), 0)[1]


def test_start_from_exported_weights_has_new_discriminators(
    data: ClipFolder, trained: Path, tmp_path: Path
) -> None:
    export(trained, tmp_path / "vocos", source="a test", licence="MIT", dtype="float32")
    task: Any = tiny_task("vocos", data, 10, start=tmp_path / "vocos")
    assert task.model.step == 6
    assert read_discriminators(tmp_path / "vocos") is None


def test_run_starts_from_a_state_of_the_prototype(data: ClipFolder, tmp_path: Path) -> None:
    file, weights, discriminators = prototype(tmp_path)
    recipe = VocosRecipe(window=8, discriminators=OLD_DISCRIMINATORS)
    task = VocosTask(data, VOCOS, recipe, start=file)
    assert task.model.step == 700
    assert same(task.model.state_dict(), {**weights, "step": torch.tensor([700])})
    assert same(task.discriminators.model.state_dict(), discriminators)


def test_average_of_the_prototype_is_exported(tmp_path: Path) -> None:
    file, weights, _ = prototype(tmp_path)
    manifest = export(file, tmp_path / "vocos", source="a test", licence="MIT", dtype="float32")
    assert (manifest.model, manifest.step) == ("vocos", 700)
    average = read_weights(tmp_path / "vocos")
    assert average["out.weight"].equal(weights["out.weight"] / 2)
    sound = np.concatenate([*vocos.load(tmp_path / "vocos").generate(np.zeros((80, 3), "f4"))])
    assert sound.shape == (400,)


@pytest.mark.parametrize(("model", "network"), [("vocoder", "wavernn"), ("vocos", "vocos")])
def test_weights_of_the_other_network_name_the_option(
    model: str, network: str, data: ClipFolder, run: Path
) -> None:
    tiny_trainer(model, data, run, 1).run()
    (other,) = {"vocoder", "vocos"} - {model}
    for try_it in (lambda: tiny_task(other, data, 2, start=run),
                   lambda: tiny_trainer(other, data, run, 2)):  # fmt: skip
        with pytest.raises(TrainingError, match=f"give --network {network}$"):
            try_it()


def test_discriminators_of_another_size_are_rejected(data: ClipFolder, trained: Path) -> None:
    with pytest.raises(TrainingError, match="another size or model"):
        VocosTask(data, VOCOS, VocosRecipe(window=8), start=trained)


def test_file_with_arbitrary_objects_is_rejected(tmp_path: Path) -> None:
    torch.save({"g": {}, "d": {}, "s": Path("x")}, tmp_path / "s.pt")
    with pytest.raises(CheckpointError, match="holds no weights"):
        read_weights(tmp_path / "s.pt")


def test_plot_comes_with_a_sound_file(trained: Path) -> None:
    assert (trained / "plots" / "0000006.png").exists()
    assert (trained / "plots" / "0000006.wav").stat().st_size > 2 * 13 * 200


def test_rate_falls_along_a_cosine() -> None:
    schedule = Schedule(steps=100, rate=1.0, last_rate=0.0, warmup=0, cooldown=1.0, cosine=True)
    assert schedule.rate_at(0) == pytest.approx(1)
    assert schedule.rate_at(25) == pytest.approx(0.854, abs=1e-3)
    assert schedule.rate_at(50) == pytest.approx(0.5)
    assert schedule.rate_at(100) == pytest.approx(0)
    assert replace(schedule, cosine=False).rate_at(25) == pytest.approx(0.75)
