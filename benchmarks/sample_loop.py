"""The vocoder's sample loop beside the plain one."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.plain_wavernn import PlainLoop
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from shared.tensors import Float32Array
from vocoder_service.engine import FoldState, TorchEngine
from vocoder_service.folding import MOST_FOLDS
from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN

SIZES = {"bundled size": Hparams(rnn_dims=256, fc_dims=256), "full size": Hparams()}
FOLDS = 9  # RTVC's for five seconds: 8,000 samples each and 800 of overlap
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
        f"folds of {frames * Hparams.hop_length} samples, one thread, random weights; seconds per "
        "second of sound; the plain loop is RTVC's, written anew"
    )
    return Table("Sample loop of the vocoder", note, rows)


def _rows(size: str, frames: int, runs: int) -> Iterator[Row]:
    hparams = SIZES[size]
    model = WaveRNN(hparams).eval().requires_grad_(False)
    few, many = _mels(FOLDS, frames, hparams), _mels(MOST_FOLDS, frames, hparams)
    loops = [_plain_loop(model, few), _our_loop(model, few), _our_loop(model, many)]
    plain, ours, wide = seconds_side_by_side(loops, runs)
    second = hparams.sample_rate / (frames * hparams.hop_length)  # what one fold lacks to it
    yield Row(f"{size}: plain loop, {FOLDS} folds", "s/s", [run * second / FOLDS for run in plain])
    yield Row(f"{size}: ours, {FOLDS} folds", "s/s", [run * second / FOLDS for run in ours])
    yield Row(
        f"{size}: ours, {MOST_FOLDS} folds", "s/s", [run * second / MOST_FOLDS for run in wide]
    )
    yield Row(f"{size}: plain / ours, {FOLDS} folds each", "×", ratios(plain, ours))


def _mels(folds: int, frames: int, hparams: Hparams) -> Float32Array:
    """[F, T + 2 pad, 80] in ±1"""
    shape = folds, frames + 2 * hparams.pad, hparams.feat_dims
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def _plain_loop(model: WaveRNN, mels: Float32Array) -> Callable[[], object]:
    samples = (mels.shape[1] - 2 * model.hparams.pad) * model.hparams.hop_length
    return partial(PlainLoop(model).generate, torch.from_numpy(mels).transpose(1, 2), samples)


def _our_loop(model: WaveRNN, mels: Float32Array) -> Callable[[], object]:
    engine, hparams, folds = TorchEngine(model), model.hparams, len(mels)

    def run() -> object:
        aux = np.stack([engine.describe(mel) for mel in mels])  # [F, T, res_out_dims]
        samples = aux.shape[1] * hparams.hop_length
        uniforms = np.random.default_rng(0).random((folds, samples), np.float32)
        state = FoldState.at_rest(folds, hparams.rnn_dims)
        return engine.run(state, mels, aux, uniforms, np.ones(folds, np.float32))

    return run
