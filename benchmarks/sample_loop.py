"""The vocoder's sample loops beside the plain one."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.plain_wavernn import PlainLoop
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from shared.tensors import Float32Array
from vocoder_service.engine import Engine, FoldState, TorchEngine
from vocoder_service.hparams import Hparams
from vocoder_service.model import WaveRNN
from vocoder_service.native_engine import NativeEngine, built, supported

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
        f"{FOLDS} folds of {frames * Hparams.hop_length} samples, one thread, random weights; "
        "seconds per second of sound; the plain loop is RTVC's, written anew"
    )
    return Table("Sample loop of the vocoder", note, rows)


def _rows(size: str, frames: int, runs: int) -> Iterator[Row]:
    hparams = SIZES[size]
    model = WaveRNN(hparams).eval().requires_grad_(False)
    mels = _mels(frames, hparams)
    engines = _engines(model)
    ours = [partial(_run, engine, mels) for engine in engines.values()]
    plain, *others = seconds_side_by_side([_plain_loop(model, mels), *ours], runs)
    sound = FOLDS * frames * hparams.hop_length / hparams.sample_rate  # seconds
    yield Row(f"{size}: plain loop", "s/s", [run / sound for run in plain])
    for name, seconds in zip(engines, others, strict=True):
        yield Row(f"{size}: {name}", "s/s", [run / sound for run in seconds])
        yield Row(f"{size}: plain / {name}", "×", ratios(plain, seconds))


def _engines(model: WaveRNN) -> dict[str, Engine]:
    """All that this machine can run."""
    engines: dict[str, Engine] = {"torch": TorchEngine(model)}
    if built():
        engines["native float32"] = NativeEngine(model, precision="float32")
        if "bfloat16" in supported():
            engines["native bfloat16"] = NativeEngine(model, precision="bfloat16")
    return engines


def _mels(frames: int, hparams: Hparams) -> Float32Array:
    """[F, T + 2 pad, 80] in ±1"""
    shape = FOLDS, frames + 2 * hparams.pad, hparams.feat_dims
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def _plain_loop(model: WaveRNN, mels: Float32Array) -> Callable[[], object]:
    samples = (mels.shape[1] - 2 * model.hparams.pad) * model.hparams.hop_length
    return partial(PlainLoop(model).generate, torch.from_numpy(mels).transpose(1, 2), samples)


def _run(engine: Engine, mels: Float32Array) -> object:
    aux = np.stack([engine.describe(mel) for mel in mels])  # [F, T, res_out_dims]
    samples = aux.shape[1] * engine.hparams.hop_length
    uniforms = np.random.default_rng(0).random((FOLDS, samples), np.float32)
    state = FoldState.at_rest(FOLDS, engine.hparams.rnn_dims)
    return engine.run(state, mels, aux, uniforms, np.ones(FOLDS, np.float32))
