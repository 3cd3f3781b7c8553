"""The vocoder's sample loops against the plain one, on the same folds."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
import torch

from benchmarks.machine import thread_counts, threads_called, torch_threads
from benchmarks.plain_wavernn import PlainLoop
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from shared.http.tensors import Float32Array
from vocoder_service.wavernn.engine import Engine, FoldState, TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.native_engine import NativeEngine, built, supported

SIZES = {"bundled size": Hparams(rnn_dims=256, fc_dims=256), "full size": Hparams()}
FOLDS = 9  # RTVC's for five seconds: 8,000 samples each and 800 of overlap
FRAMES, QUICK_FRAMES = 2, 1  # per fold: 400 and 200 samples


def measure(runs: int, quick: bool) -> Table:
    frames = QUICK_FRAMES if quick else FRAMES
    rows = [row for case in cases(quick) for row in _rows(*case, frames, runs)]
    note = (
        f"{FOLDS} folds of {frames * Hparams.hop_length} samples, random weights; seconds per "
        "second of sound; the plain loop is RTVC's, written anew"
    )
    return Table("Sample loop of the vocoder", note, rows)


def cases(quick: bool) -> Iterator[tuple[str, int]]:
    """All combinations of sizes and numbers of threads."""
    return product(SIZES, thread_counts(quick))


def _rows(size: str, threads: int, frames: int, runs: int) -> Iterator[Row]:
    model = network(size)
    mels = random_mels(FOLDS, frames, model.hparams)
    with torch_threads(threads):
        engines = engines_of(model, threads)
        ours = [partial(run, engine, mels) for engine in engines.values()]
        plain, *others = seconds_side_by_side([plain_loop(model, mels), *ours], runs)
    sound = FOLDS * frames * model.hparams.hop_length / model.hparams.sample_rate  # seconds
    name = f"{size}, {threads_called(threads)}"
    yield Row(f"{name}: plain loop", "s/s", [run / sound for run in plain])
    for called, seconds in zip(engines, others, strict=True):
        yield Row(f"{name}: {called}", "s/s", [run / sound for run in seconds])
        yield Row(f"{name}: plain / {called}", "×", ratios(plain, seconds))


def network(size: str) -> WaveRNN:
    return WaveRNN(SIZES[size]).eval().requires_grad_(False)


def engines_of(model: WaveRNN, threads: int) -> dict[str, Engine]:
    """The engines that this machine can run. The torch engine uses torch's number of threads."""
    return {"torch": TorchEngine(model), **native_engines(model, threads)}


def native_engines(model: WaveRNN, threads: int) -> dict[str, Engine]:
    """Native engines by precision, none if they were not built."""
    engines: dict[str, Engine] = {}
    if built():
        engines["native float32"] = NativeEngine(model, threads, "float32")
        if "bfloat16" in supported():
            engines["native bfloat16"] = NativeEngine(model, threads, "bfloat16")
    return engines


def random_mels(folds: int, frames: int, hparams: Hparams) -> Float32Array:
    """[F, T + 2 pad, 80] in ±1"""
    shape = folds, frames + 2 * hparams.pad, hparams.feat_dims
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def plain_loop(model: WaveRNN, mels: Float32Array) -> Callable[[], object]:
    samples = (mels.shape[1] - 2 * model.hparams.pad) * model.hparams.hop_length
    return partial(PlainLoop(model).generate, torch.from_numpy(mels).transpose(1, 2), samples)


def run(engine: Engine, mels: Float32Array) -> object:
    """Generate the samples of all folds from a zero state."""
    folds = len(mels)
    aux = np.stack([engine.aux_features(mel) for mel in mels])  # [F, T, res_out_dims]
    samples = aux.shape[1] * engine.hparams.hop_length
    uniforms = np.random.default_rng(0).random((folds, samples), np.float32)
    state = FoldState.at_rest(folds, engine.hparams.rnn_dims)
    return engine.run(state, mels, aux, uniforms, np.ones(folds, np.float32))
