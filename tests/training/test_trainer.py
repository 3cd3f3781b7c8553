"""A run from its first step to checkpoints that the services load, killed on the way or not."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import synthesizer_service.inference
import vocoder_service.inference
from shared.atomic_files import PARTS
from shared.settings import REPOSITORY
from synthesizer_service.settings import Settings as SynthesizerSettings
from tests.support.tiny_training import TACOTRON, tiny_data, tiny_task, tiny_trainer
from training.data.clips import ClipFolder
from training.errors import TrainingError
from training.export import export
from training.native.compile import compiled
from training.recipes import SPEAKING_DROPOUT, Pace, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer
from training.weights import read_weights
from vocoder_service.settings import Settings as VocoderSettings

STEPS = 8


def losses(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in RunFolder(run).log_file.read_text().splitlines()]


def state(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(RunFolder(run).state_file)
    return content


@pytest.fixture(scope="session")
def whole_runs(data: ClipFolder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each model that nothing disturbed."""
    models = ("synthesizer", "vocoder", "vocos")
    runs = {model: tmp_path_factory.mktemp("runs") / model for model in models}
    for model, folder in runs.items():
        tiny_trainer(model, data, folder, STEPS).run()
    return runs


def test_run_logs_every_step_and_draws_its_end(model: str, whole_runs: dict[str, Path]) -> None:
    run = whole_runs[model]
    assert [line["step"] for line in losses(run)] == list(range(1, STEPS + 1))
    picture = run / "pictures" / f"{STEPS:07d}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "killed", "saved"),
    [
        ("synthesizer", "step", 3),
        ("vocoder", "step", 3),
        ("vocoder", "save", 3),
        ("vocos", "later step", 6),  # its discriminators have learnt
    ],
)
def test_killed_run_goes_on_as_if_it_had_not_been(
    model: str,
    killed: str,
    saved: int,
    data: ClipFolder,
    whole_runs: dict[str, Path],
    run: Path,
) -> None:
    arguments = [model, str(data.folder), str(run), str(STEPS), killed]
    command = [sys.executable, "-m", "tests.support.tiny_training", *arguments]
    assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == -signal.SIGKILL
    with RunFolder(run).log_file.open("a") as log:
        log.write('\0\0\n{"step": 7, "lo')  # as a power cut and a kill in mid-line leave it

    resumed = tiny_trainer(model, data, run, STEPS)
    assert resumed.steps == saved
    resumed.run()

    assert not [*run.rglob(PARTS)]
    assert losses(run) == losses(whole_runs[model])
    one, other = state(run), state(whole_runs[model])
    for weights in ("model_state", "average"):
        assert all(torch.equal(one[weights][name], other[weights][name]) for name in one[weights])


def test_stopped_run_goes_on_in_the_kernels_too(tmp_path: Path) -> None:
    if None in (compiled("attention"), compiled("lstm"), compiled("gru")):
        pytest.skip("the training's kernels, which cannot be compiled here")
    data = tiny_data(tmp_path / "data", times=2)
    sizes = replace(TACOTRON, encoder_dims=64, decoder_dims=32, postnet_dims=64, lstm_dims=32)

    def train(name: str, steps: int) -> None:
        pace = Pace(steps, rate=1e-2, last_rate=1e-3, warmup=2, cooldown=0, save_every=3)
        recipe = SynthesizerRecipe(batch=8, min_frames=4, own_from=0, postnet_from=0, pace=pace)
        Trainer(SynthesizerTask(data, sizes, recipe), RunFolder(tmp_path / name)).run()

    train("whole", 6)
    train("stopped", 3)
    train("stopped", 6)
    assert losses(tmp_path / "stopped")[3:] == losses(tmp_path / "whole")[3:]


def test_run_that_is_done_is_left_alone(
    model: str, data: ClipFolder, whole_runs: dict[str, Path]
) -> None:
    before = RunFolder(whole_runs[model]).state_file.read_bytes()
    tiny_trainer(model, data, whole_runs[model], STEPS).run()
    assert RunFolder(whole_runs[model]).state_file.read_bytes() == before


def test_loss_falls(model: str, data: ClipFolder, run: Path) -> None:
    tiny_trainer(model, data, run, 40).run()
    name = {"synthesizer": "mel", "vocoder": "loss", "vocos": "spectra"}[model]
    by_step = [line[name] for line in losses(run)]
    assert np.mean(by_step[-10:]) < 0.9 * np.mean(by_step[:10])


def test_services_load_what_is_exported(
    model: str, whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    manifest = export(
        whole_runs[model], tmp_path / model, source="a test", licence="MIT", dtype="float32"
    )
    assert (manifest.model, manifest.step) == (model, STEPS)
    average = state(whole_runs[model])["average"]
    if model == "synthesizer":
        tacotron = synthesizer_service.inference.load(SynthesizerSettings(checkpoints_dir=tmp_path))
        assert torch.equal(tacotron.post_proj.weight, average["post_proj.weight"])
        chars, embeds = torch.tensor([[5, 1]]), torch.full((1, 256), 1 / 16)
        spoken = tacotron.generate(chars, embeds, [torch.Generator()], max_frames=8)
        assert spoken.mels[0].shape == (80, 8)
    else:
        network: Any = {"vocoder": "wavernn", "vocos": "vocos"}[model]
        settings = VocoderSettings(vocoder=network, checkpoints_dir=tmp_path)
        vocoder = vocoder_service.inference.load(settings)
        wav = np.concatenate([*vocoder.generate(np.zeros((80, 3), np.float32), 1, 1.0)])
        assert wav.shape == (400,)


@pytest.mark.parametrize(("asked", "written"), [(None, SPEAKING_DROPOUT), (0.4, 0.4)])
def test_synthesizer_is_exported_with_the_dropout_of_its_use(
    asked: float | None, written: float, whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    run, folder = whole_runs["synthesizer"], tmp_path / "synthesizer"
    manifest = export(run, folder, source="a test", licence="MIT", dropout=asked)
    assert manifest.architecture["dropout"] == written
    tacotron = synthesizer_service.inference.load(SynthesizerSettings(checkpoints_dir=tmp_path))
    assert tacotron.hparams.dropout == written


def test_run_starts_from_the_weights_of_another(
    model: str, data: ClipFolder, whole_runs: dict[str, Path]
) -> None:
    task = tiny_task(model, data, STEPS, start=whole_runs[model])
    started = task.model.state_dict()
    trained = state(whole_runs[model])["model_state"]
    assert all(torch.equal(started[name], trained[name]) for name in trained)


def test_run_does_not_start_from_weights_of_another_model(
    model: str, data: ClipFolder, whole_runs: dict[str, Path]
) -> None:
    other = {"synthesizer": "vocoder", "vocoder": "vocos", "vocos": "synthesizer"}[model]
    with pytest.raises(TrainingError, match="another size or model"):
        tiny_task(model, data, STEPS, start=whole_runs[other])


@pytest.mark.parametrize("averaged", [True, False])
def test_weights_are_read_from_every_form(
    averaged: bool, whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    whole = state(whole_runs["vocoder"])
    expected = whole["average" if averaged else "model_state"]
    first_recipe = {"model": whole["model_state"], "ema": whole["average"], "opt": {}}
    bare = {"model_state": expected}
    for name, content in {"first.pt": first_recipe, "rtvc.pt": bare, "bare.pt": expected}.items():
        torch.save(content, tmp_path / name)
        read = read_weights(tmp_path / name, averaged=averaged)
        assert all(torch.equal(read[key], expected[key]) for key in expected)


def test_run_of_another_size_is_refused(data: ClipFolder, whole_runs: dict[str, Path]) -> None:
    with pytest.raises(TrainingError, match="another size"):
        tiny_trainer("synthesizer", data, whole_runs["vocoder"], STEPS)


def test_file_that_is_no_state_is_refused(data: ClipFolder, run: Path) -> None:
    run.mkdir()
    state_file = RunFolder(run).state_file
    torch.save({"something": torch.ones(1)}, state_file)
    with pytest.raises(TrainingError, match="no state of a run"):
        tiny_trainer("vocoder", data, run, STEPS)
    for content in (b"", b"some text"):
        state_file.write_bytes(content)
        with pytest.raises(TrainingError, match="no state of a run"):
            tiny_trainer("vocoder", data, run, STEPS)


def test_file_that_was_cut_off_is_refused(
    data: ClipFolder, whole_runs: dict[str, Path], run: Path
) -> None:
    run.mkdir()
    whole = RunFolder(whole_runs["vocoder"]).state_file.read_bytes()
    RunFolder(run).state_file.write_bytes(whole[:5_000])
    with pytest.raises(TrainingError, match="no state of a run"):
        tiny_trainer("vocoder", data, run, STEPS)


def test_loss_that_is_no_number_ends_the_run(data: ClipFolder, run: Path) -> None:
    task = tiny_task("vocoder", data, STEPS)
    with torch.no_grad():
        task.model.get_parameter("fc3.bias").fill_(torch.nan)
    trainer: Trainer[Any] = Trainer(task, RunFolder(run))
    with pytest.raises(TrainingError, match="no number"):
        trainer.run()


def test_average_differs_from_the_weights_and_counts_the_same_steps(
    model: str, whole_runs: dict[str, Path]
) -> None:
    whole = state(whole_runs[model])
    assert int(whole["average"]["step"]) == int(whole["model_state"]["step"]) == STEPS
    some = next(name for name in whole["average"] if name.endswith(("weight_hh_l0", "gamma")))
    assert not torch.equal(whole["average"][some], whole["model_state"][some])


def test_rate_rises_stays_and_falls() -> None:
    pace = Pace(steps=100, rate=1.0, last_rate=0.1, warmup=10, cooldown=0.2)
    assert pace.rate_at(0) == pytest.approx(0.1)
    assert pace.rate_at(10) == pace.rate_at(80) == 1
    assert pace.rate_at(90) == pytest.approx(0.55)
    assert pace.rate_at(100) == pytest.approx(0.1)


def test_longer_run_has_the_same_beginning() -> None:
    pace = Pace(steps=100, rate=1.0, last_rate=0.1, warmup=10)
    longer = replace(pace, steps=200)
    assert [pace.rate_at(step) for step in range(75)] == [
        longer.rate_at(step) for step in range(75)
    ]


def test_gradient_that_overflows_is_skipped_and_logged_as_json(
    data: ClipFolder, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torch.nn.utils, "clip_grad_norm_", lambda parameters, most: torch.tensor(torch.inf)
    )
    trainer = tiny_trainer("vocoder", data, run, 1)
    trainer.run()
    line = json.loads(RunFolder(run).log_file.read_text(), parse_constant=pytest.fail)
    assert line["gradient"] is None
    trained = state(run)["model_state"]
    fresh = tiny_task("vocoder", data, 1).model.state_dict()
    assert torch.equal(trained["fc3.weight"], fresh["fc3.weight"])
