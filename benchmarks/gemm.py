"""GEMM efficiency: the peak rate of the cores, and the sample loop's share of it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from benchmarks.machine import thread_counts, threads_called, torch_threads
from benchmarks.results import Row, Table, seconds_of, seconds_side_by_side
from benchmarks.sample_loop import cases, native_engines, network, random_mels, run
from vocoder_service.wavernn.folding import MAX_FOLDS
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.native_engine import built

SIZE = 1024  # rows and columns: bound by arithmetic, not by memory
GIGA = 1e9
FRAMES, QUICK_FRAMES = 4, 1  # per fold


def measure(runs: int) -> Table:
    """The rate of an fp32 matrix product."""
    return Table("Yardstick", "divide by it to compare machines", [*_product_rows(runs)])


def _product_rows(runs: int) -> Iterator[Row]:
    for threads in thread_counts():
        with torch_threads(threads):
            seconds = seconds_of(product(), runs)
        name = f"fp32 GEMM {SIZE}x{SIZE}, {threads_called(threads)}"
        yield Row(name, "GFLOP/s", rates(seconds))


def product() -> Callable[[], object]:
    """One matrix product, on torch's current number of threads."""
    a, b = torch.randn(2, SIZE, SIZE)
    return lambda: a @ b


def rates(seconds: Sequence[float]) -> list[float]:
    """GFLOP/s of each run; a multiply-add counts as two operations."""
    return [2 * SIZE**3 / run / GIGA for run in seconds]


def measure_efficiency(runs: int, quick: bool) -> Table:
    """The native sample loop's share of the GEMM rate."""
    frames = QUICK_FRAMES if quick else FRAMES
    rows = [row for case in cases(quick) for row in _efficiency_rows(*case, frames, runs)]
    note = (
        f"{MAX_FOLDS} folds of {frames * Hparams.hop_length} samples, random weights; counts the "
        "9R² + RF + F² + 512F multiply-adds of a sample; the GEMM is the best run on as many "
        "threads, alternating with the loop"
    )
    skipped = [] if built() else ["the native loop, which was not built here"]
    return Table("Share of the GEMM peak", note, rows, skipped)


def multiply_adds(hparams: Hparams) -> int:
    """Multiply-adds per sample and fold that cannot be precomputed."""
    r, f = hparams.rnn_dims, hparams.fc_dims
    return 9 * r**2 + r * f + f**2 + hparams.classes * f


def _efficiency_rows(size: str, threads: int, frames: int, runs: int) -> Iterator[Row]:
    model = network(size)
    mels = random_mels(MAX_FOLDS, frames, model.hparams)
    with torch_threads(threads):
        engines = native_engines(model, threads)
        ours = [partial(run, engine, mels) for engine in engines.values()]
        products, *loops = seconds_side_by_side([product(), *ours], runs)
    peak = max(rates(products))
    operations = 2 * MAX_FOLDS * frames * model.hparams.hop_length * multiply_adds(model.hparams)
    name = f"{size}, {threads_called(threads)}"
    yield Row(f"{name}: GEMM, best of {runs}", "GFLOP/s", [peak])
    for called, seconds in zip(engines, loops, strict=True):
        loop_rates = [operations / run / GIGA for run in seconds]
        yield Row(f"{name}: {called}", "GFLOP/s", loop_rates)
        yield Row(f"{name}: {called} / GEMM", "%", [100 * rate / peak for rate in loop_rates])
