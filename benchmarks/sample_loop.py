"""The vocoder's sample loop beside the plain one, with the same number of folds."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.plain_wavernn import PlainLoop
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from vocoder_service.engine import FoldState, TorchEngine
from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN

SIZES = {"bundled size": Hparams(rnn_dims=256, fc_dims=256), "full size": Hparams()}
FOLDS = 10  # RTVC's for five seconds: 8,000 samples each and 800 of overlap
FRAMES, QUICK_FRAMES = 2, 1  # of each fold: 400 samples, 200 samples


def measure(runs: int, quick: bool) -> Table:
    frames = QUICK_FRAMES if quick else FRAMES
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [row for size in SIZES for row in _rows(size, frames, runs)]
    finally:
        torch.set_num_threads(threads)
    note = (
        f"{FOLDS} folds of {frames * Hparams.hop_length} samples, one thread, random weights; the "
        "plain loop is RTVC's, written anew"
    )
    return Table("Sample loop of the vocoder", note, rows)


def _rows(size: str, frames: int, runs: int) -> Iterator[Row]:
    hparams = SIZES[size]
    model = WaveRNN(hparams).eval().requires_grad_(False)
    mel = np.random.default_rng(0).uniform(-1, 1, (FOLDS, 80, frames + 2 * hparams.pad))
    mel = mel.astype(np.float32)
    ours, plain = _our_loop(model, mel), _plain_loop(model, mel)
    our_seconds, plain_seconds = seconds_side_by_side([ours, plain], runs)
    speech = FOLDS * frames * hparams.hop_length / hparams.sample_rate  # seconds
    yield Row(f"{size}: plain loop", "s/s", [run / speech for run in plain_seconds])
    yield Row(f"{size}: ours", "s/s", [run / speech for run in our_seconds])
    yield Row(f"{size}: plain / ours", "×", ratios(plain_seconds, our_seconds))


def _plain_loop(model: WaveRNN, mel: np.ndarray) -> Callable[[], object]:
    samples = (mel.shape[2] - 2 * model.hparams.pad) * model.hparams.hop_length
    return partial(PlainLoop(model).generate, torch.from_numpy(mel), samples)


def _our_loop(model: WaveRNN, mel: np.ndarray) -> Callable[[], object]:
    engine = TorchEngine(model)
    frames = mel.shape[2] - 2 * model.hparams.pad
    uniforms = np.random.default_rng(0).random((len(mel), frames * 200), np.float32)

    def run() -> object:
        aux = np.stack([engine.aux(row) for row in mel])
        state = FoldState.initial(len(mel), model.hparams)
        return engine.run(
            state, mel.transpose(0, 2, 1), aux, uniforms, np.ones(len(mel), np.float32)
        )

    return run
