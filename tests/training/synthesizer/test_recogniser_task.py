import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.tiny_training import recogniser_recipe, tiny_data
from training import TrainingError
from training.data.clips import ClipFolder
from training.run_folder import RunFolder
from training.synthesizer.recogniser_task import RecogniserTask
from training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("speller")

STEPS = 25


def test_recogniser_learns_phonemes_and_voices(long_clips: ClipFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    Trainer(RecogniserTask(long_clips, recogniser_recipe(STEPS)), run).run()
    lines = [json.loads(line) for line in run.log_file.read_text().splitlines()]
    for name in ("phonemes", "voice"):
        losses = [line[name] for line in lines]
        assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert (run.plots / f"{STEPS:07d}.png").read_bytes().startswith(b"\x89PNG")


def test_stopped_recogniser_resumes_exactly(long_clips: ClipFolder, tmp_path: Path) -> None:
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    schedule = replace(recogniser_recipe(STEPS).schedule, steps=6, save_every=3)
    steps = replace(recogniser_recipe(STEPS), schedule=schedule)
    Trainer(RecogniserTask(long_clips, steps), whole).run()
    Trainer(
        RecogniserTask(long_clips, replace(steps, schedule=replace(schedule, steps=3))), stopped
    ).run()
    Trainer(RecogniserTask(long_clips, steps), stopped).run()
    one, other = (run.log_file.read_text().splitlines()[3:] for run in (whole, stopped))
    assert one == other


def test_batch_depends_on_its_step_alone(long_clips: ClipFolder) -> None:
    task = RecogniserTask(long_clips, recogniser_recipe(STEPS))
    batches = [task.batch(step) for step in (3, 0, 3)]
    assert torch.equal(batches[0].mel, batches[2].mel)
    assert not torch.equal(batches[0].mel, batches[1].mel)


def test_clip_too_short_for_its_text_is_left_out(tmp_path: Path) -> None:
    short = tiny_data(tmp_path, frames=10)  # 5 steps; the shortest text has 7 letters
    with pytest.raises(TrainingError, match="long enough for its text"):
        RecogniserTask(short, recogniser_recipe(STEPS))
