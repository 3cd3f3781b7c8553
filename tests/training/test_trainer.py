"""Runs from the first step to checkpoints that the services load, interrupted or not."""

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
from training import TrainingError
from training.data.clips import ClipFolder
from training.native.compile import compiled
from training.recipes import INFERENCE_DROPOUT, Schedule, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer
from training.weights import export, read_weights
from vocoder_service.settings import Settings as VocoderSettings

STEPS = 8


def losses(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in RunFolder(run).log_file.read_text().splitlines()]


def state(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(RunFolder(run).state_file)
    return content


@pytest.fixture(scope="session")
def whole_runs(data: ClipFolder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An uninterrupted run of each model."""
    models = ("synthesizer", "vocoder", "vocos")
    runs = {model: tmp_path_factory.mktemp("runs") / model for model in models}
    for model, folder in runs.items():
        tiny_trainer(model, data, folder, STEPS).run()
    return runs


def test_run_logs_every_step_and_plots_the_last(model: str, whole_runs: dict[str, Path]) -> None:
    run = whole_runs[model]
    assert [line["step"] for line in losses(run)] == list(range(1, STEPS + 1))
    plot = run / "plots" / f"{STEPS:07d}.png"
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "killed", "saved"),
    [
        ("synthesizer", "step", 3),
        ("vocoder", "step", 3),
        ("vocoder", "save", 3),
        ("vocos", "later step", 6),  # after the discriminators came in
    ],
)
def test_killed_run_resumes_exactly(
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
        log.write('\0\0\n{"step": 7, "lo')  # as after a power cut and a kill in mid-line

    resumed = tiny_trainer(model, data, run, STEPS)
    assert resumed.steps == saved
    resumed.run()

    assert not [*run.rglob(PARTS)]
    assert losses(run) == losses(whole_runs[model])
    one, other = state(run), state(whole_runs[model])
    for weights in ("model_state", "average"):
        assert all(torch.equal(one[weights][name], other[weights][name]) for name in one[weights])


def test_stopped_run_resumes_exactly_with_the_kernels(tmp_path: Path) -> None:
    if None in (compiled("attention"), compiled("lstm"), compiled("gru")):
        pytest.skip("the kernels cannot be compiled here")
    data = tiny_data(tmp_path / "data", times=2)
    sizes = replace(TACOTRON, encoder_dims=64, decoder_dims=32, postnet_dims=64, lstm_dims=32)

    def train(name: str, steps: int) -> None:
        schedule = Schedule(steps, rate=1e-2, last_rate=1e-3, warmup=2, cooldown=0, save_every=3)
        recipe = SynthesizerRecipe(
            batch=8, min_frames=4, sampling_from=0, postnet_from=0, schedule=schedule
        )
        Trainer(SynthesizerTask(data, sizes, recipe), RunFolder(tmp_path / name)).run()

    train("whole", 6)
    train("stopped", 3)
    train("stopped", 6)
    assert losses(tmp_path / "stopped")[3:] == losses(tmp_path / "whole")[3:]


def test_finished_run_is_left_alone(
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


def test_services_load_the_export(model: str, whole_runs: dict[str, Path], tmp_path: Path) -> None:
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


@pytest.mark.parametrize(("asked", "written"), [(None, INFERENCE_DROPOUT), (0.4, 0.4)])
def test_synthesizer_is_exported_with_its_inference_dropout(
    asked: float | None, written: float, whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    run, folder = whole_runs["synthesizer"], tmp_path / "synthesizer"
    manifest = export(run, folder, source="a test", licence="MIT", dropout=asked)
    assert manifest.architecture["dropout"] == written
    tacotron = synthesizer_service.inference.load(SynthesizerSettings(checkpoints_dir=tmp_path))
    assert tacotron.hparams.dropout == written


def test_export_writes_the_mean_with_other_weights(
    whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    run, start, folder = whole_runs["vocos"], tmp_path / "start.pt", tmp_path / "vocos"
    trained = state(run)["average"]
    torch.save({name: torch.zeros_like(value) for name, value in trained.items()}, start)
    manifest = export(run, folder, source="a test", licence="MIT", dtype="float32", mean_with=start)
    written = read_weights(folder)
    assert manifest.step == STEPS
    assert all(
        torch.equal(written[name], value / 2)
        for name, value in trained.items()
        if value.is_floating_point()
    )
    with pytest.raises(TrainingError, match="of another size or model"):
        export(run, folder, source="", licence="", mean_with=whole_runs["synthesizer"], force=True)


def test_no_mean_of_synthesizers_with_other_frames_per_step(
    whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    run, other = whole_runs["synthesizer"], tmp_path / "other.pt"
    weights = state(run)["average"]
    weights["decoder.r"] += 1
    torch.save(weights, other)
    with pytest.raises(TrainingError, match="of another size or model"):
        export(run, tmp_path / "synthesizer", source="", licence="", mean_with=other)


def test_run_starts_from_another_runs_weights(
    model: str, data: ClipFolder, whole_runs: dict[str, Path]
) -> None:
    task = tiny_task(model, data, STEPS, start=whole_runs[model])
    started = task.model.state_dict()
    trained = state(whole_runs[model])["model_state"]
    assert all(torch.equal(started[name], trained[name]) for name in trained)


def test_weights_of_another_model_are_rejected(
    model: str, data: ClipFolder, whole_runs: dict[str, Path]
) -> None:
    other = {"synthesizer": "vocoder", "vocoder": "vocos", "vocos": "synthesizer"}[model]
    with pytest.raises(TrainingError, match="another size or model"):
        tiny_task(model, data, STEPS, start=whole_runs[other])


@pytest.mark.parametrize("averaged", [True, False])
def test_weights_are_read_in_every_form(
    averaged: bool, whole_runs: dict[str, Path], tmp_path: Path
) -> None:
    whole = state(whole_runs["vocoder"])
    expected = whole["average" if averaged else "model_state"]
    first_format = {"model": whole["model_state"], "ema": whole["average"], "opt": {}}
    bare = {"model_state": expected}
    for name, content in {"first.pt": first_format, "rtvc.pt": bare, "bare.pt": expected}.items():
        torch.save(content, tmp_path / name)
        read = read_weights(tmp_path / name, averaged=averaged)
        assert all(torch.equal(read[key], expected[key]) for key in expected)


def test_run_of_another_size_is_rejected(data: ClipFolder, whole_runs: dict[str, Path]) -> None:
    with pytest.raises(TrainingError, match="another size"):
        tiny_trainer("synthesizer", data, whole_runs["vocoder"], STEPS)


def test_file_without_a_state_is_rejected(data: ClipFolder, run: Path) -> None:
    run.mkdir()
    state_file = RunFolder(run).state_file
    torch.save({"something": torch.ones(1)}, state_file)
    with pytest.raises(TrainingError, match="not the state of a run"):
        tiny_trainer("vocoder", data, run, STEPS)
    for content in (b"", b"some text"):
        state_file.write_bytes(content)
        with pytest.raises(TrainingError, match="not the state of a run"):
            tiny_trainer("vocoder", data, run, STEPS)


def test_truncated_state_is_rejected(
    data: ClipFolder, whole_runs: dict[str, Path], run: Path
) -> None:
    run.mkdir()
    whole = RunFolder(whole_runs["vocoder"]).state_file.read_bytes()
    RunFolder(run).state_file.write_bytes(whole[:5_000])
    with pytest.raises(TrainingError, match="not the state of a run"):
        tiny_trainer("vocoder", data, run, STEPS)


def test_loss_that_is_not_finite_ends_the_run(data: ClipFolder, run: Path) -> None:
    task = tiny_task("vocoder", data, STEPS)
    with torch.no_grad():
        task.model.get_parameter("fc3.bias").fill_(torch.nan)
    trainer: Trainer[Any] = Trainer(task, RunFolder(run))
    with pytest.raises(TrainingError, match="not finite"):
        trainer.run()


def test_average_differs_from_the_weights_and_counts_the_same_steps(
    model: str, whole_runs: dict[str, Path]
) -> None:
    whole = state(whole_runs[model])
    assert int(whole["average"]["step"]) == int(whole["model_state"]["step"]) == STEPS
    changed = next(name for name in whole["average"] if name.endswith(("weight_hh_l0", "gamma")))
    assert not torch.equal(whole["average"][changed], whole["model_state"][changed])


def test_rate_rises_stays_and_falls() -> None:
    schedule = Schedule(steps=100, rate=1.0, last_rate=0.1, warmup=10, cooldown=0.2)
    assert schedule.rate_at(0) == pytest.approx(0.1)
    assert schedule.rate_at(10) == schedule.rate_at(80) == 1
    assert schedule.rate_at(90) == pytest.approx(0.55)
    assert schedule.rate_at(100) == pytest.approx(0.1)


def test_longer_run_begins_alike() -> None:
    schedule = Schedule(steps=100, rate=1.0, last_rate=0.1, warmup=10)
    longer = replace(schedule, steps=200)
    assert [schedule.rate_at(step) for step in range(75)] == [
        longer.rate_at(step) for step in range(75)
    ]


def test_overflowing_gradient_is_skipped_and_logged_as_null(
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
