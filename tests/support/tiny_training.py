"""Networks and data small enough to train in a test. As a program, a training that kills itself:

    python -m tests.support.tiny_training synthesizer|vocoder|vocos DATA RUN STEPS WHEN

WHEN: "step", the fifth; "later step", the eighth; "save", the second.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.http.tensors import Float32Array
from synthesizer_service.tacotron.hparams import Hparams as TacotronHparams
from training.data.clips import Clip, ClipFolder, Features
from training.recipes import (
    DiscriminatorSizes,
    RecogniserRecipe,
    Schedule,
    SynthesizerRecipe,
    VocosRecipe,
    WaveRNNRecipe,
)
from training.run_folder import RunFolder
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer
from training.vocoder.vocos import VocosTask
from training.vocoder.wavernn import WaveRNNTask
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams

TACOTRON = TacotronHparams(
    embed_dims=8, encoder_dims=8, decoder_dims=8, postnet_dims=8, encoder_K=2, lstm_dims=8,
    postnet_K=2, num_highways=1,
)  # fmt: skip
WAVERNN = WaveRNNHparams(
    rnn_dims=16, fc_dims=16, bits=4, compute_dims=8, res_out_dims=8, res_blocks=1
)
VOCOS = VocosHparams(dims=16, hidden_dims=16, blocks=1)
DISCRIMINATORS = DiscriminatorSizes(
    periods=(2, 3), period_channels=(4, 4), n_ffts=(64,), spectrogram_channels=4
)
TEXTS = ("A bell rings.", "Two cats sleep.", "We wait here.", "It rained.", "No, thanks.")
SAVE_EVERY = 3
KILLED_STEPS = {"step": 5, "later step": 8}


def tone(number: int, frames: int = 14) -> Float32Array:
    """[n] in ±1: a pitch for each number."""
    time = np.arange(frames * MEL_FORMAT.hop_length) / MEL_FORMAT.sample_rate
    return (0.5 * np.sin(2 * np.pi * (200 + 50 * number) * time)).astype(np.float32)


def tiny_data(folder: Path, frames: int = 14, times: int = 1) -> ClipFolder:
    """Five clips of tones, repeated `times` times, two per voice."""
    data = ClipFolder(folder)
    for number, text in enumerate(times * TEXTS):
        wav = tone(number, frames)
        clip = Clip(f"{number:03d}", text, f"voice{number // 2}", len(wav))
        data.add(clip, wav)
        embed = np.random.default_rng(number).random(256, dtype=np.float32)
        data.add_features(clip, Features(mel_spectrogram(wav), embed / np.linalg.norm(embed)))
    return data


def tiny_task(
    model: str, data: ClipFolder, steps: int, start: Path | None = None
) -> SynthesizerTask | WaveRNNTask | VocosTask:
    schedule = Schedule(steps, rate=1e-2, last_rate=1e-3, warmup=2, save_every=SAVE_EVERY)
    if model == "synthesizer":
        synthesizer = SynthesizerRecipe(batch=2, min_frames=4, schedule=schedule)
        return SynthesizerTask(data, TACOTRON, synthesizer, start=start)
    if model == "vocos":
        recipe = VocosRecipe(
            batch=2, window=8, adversarial_from=4, discriminators=DISCRIMINATORS, schedule=schedule
        )
        return VocosTask(data, VOCOS, recipe, start=start)
    wavernn = WaveRNNRecipe(
        batch=2, window=1, min_frames=4, degraded_share=0, norm_steps=4, schedule=schedule
    )
    return WaveRNNTask(data, WAVERNN, wavernn, start=start)


def recogniser_recipe(steps: int) -> RecogniserRecipe:
    schedule = Schedule(steps, rate=2e-3, last_rate=1e-4, warmup=2)
    return RecogniserRecipe(batch=4, min_frames=4, schedule=schedule)


def tiny_trainer(model: str, data: ClipFolder, run: Path, steps: int) -> Trainer[Any]:
    return Trainer(tiny_task(model, data, steps), RunFolder(run))


def killed_in(call: Callable[..., Any], number: int) -> Callable[..., Any]:
    """`call`, except that its `number`-th call kills the process before it returns."""
    calls = count(1)

    def wrapped(*arguments: Any) -> Any:
        result = call(*arguments)
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main(model: str, data: str, run: str, steps: str, killed: str) -> None:
    torch.set_num_threads(1)
    trainer = tiny_trainer(model, ClipFolder(Path(data)), Path(run), int(steps))
    task: Any = trainer._task
    if killed in KILLED_STEPS:
        task.losses = killed_in(task.losses, KILLED_STEPS[killed])
    else:  # the file is written, but not yet renamed
        torch.save = killed_in(torch.save, number=2)
    trainer.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
