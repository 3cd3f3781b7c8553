"""How near the native sample loop comes to what the cores can do at best."""

from collections.abc import Iterator
from functools import partial

from benchmarks import gemm
from benchmarks.results import Row, Table, seconds_side_by_side
from benchmarks.sample_loop import cases, native_engines, network, random_mels, run
from benchmarks.threads import threads_called, torch_threads
from vocoder_service.wavernn.folding import MAX_FOLDS
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.native_engine import built

FRAMES, QUICK_FRAMES = 4, 1  # of each fold


def measure(runs: int, quick: bool) -> Table:
    frames = QUICK_FRAMES if quick else FRAMES
    rows = [row for case in cases(quick) for row in _rows(*case, frames, runs)]
    note = (
        f"{MAX_FOLDS} folds of {frames * Hparams.hop_length} samples, random weights; only the "
        "9R² + RF + F² + 512F multiply-adds of a sample are counted; the share is that of the best "
        "fp32 GEMM on as many threads, which took turns with the loop"
    )
    skipped = [] if built() else ["the native loop, which was not built here"]
    return Table("Share of the GEMM peak", note, rows, skipped)


def multiply_adds(hparams: Hparams) -> int:
    """Of one sample of one fold: what no algebra takes out of the loop."""
    r, f = hparams.rnn_dims, hparams.fc_dims
    return 9 * r**2 + r * f + f**2 + hparams.classes * f


def _rows(size: str, threads: int, frames: int, runs: int) -> Iterator[Row]:
    model = network(size)
    mels = random_mels(MAX_FOLDS, frames, model.hparams)
    with torch_threads(threads):
        engines = native_engines(model, threads)
        ours = [partial(run, engine, mels) for engine in engines.values()]
        product, *loops = seconds_side_by_side([gemm.product(), *ours], runs)
    peak = max(gemm.rates(product))
    operations = 2 * MAX_FOLDS * frames * model.hparams.hop_length * multiply_adds(model.hparams)
    name = f"{size}, {threads_called(threads)}"
    yield Row(f"{name}: GEMM, best of {runs}", "GFLOP/s", [peak])
    for called, seconds in zip(engines, loops, strict=True):
        rates = [operations / run / gemm.GIGA for run in seconds]
        yield Row(f"{name}: {called}", "GFLOP/s", rates)
        yield Row(f"{name}: {called} / GEMM", "%", [100 * rate / peak for rate in rates])
