"""Vocoding of a whole utterance: RTVC's folding, ours, and Vocos."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchmarks.machine import thread_counts, threads_called, torch_threads
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from benchmarks.sample_loop import SIZES, cases, engines_of, network, plain_loop, random_mels
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.vocos.vocoder import VocosVocoder
from vocoder_service.wavernn.correction import PASSES
from vocoder_service.wavernn.engine import Engine
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.hparams import Hparams

SECONDS, QUICK_SECONDS = 5, 1
RTVC_TARGET, RTVC_OVERLAP = 8_000, 800  # samples; RTVC's `infer_waveform`
RTVC_STEPS = RTVC_TARGET + 2 * RTVC_OVERLAP  # per fold, for utterances of any length
LIMITS = {"bundled size": 0.12, "full size": 0.4}
MAX_VOCOS_RTF = 0.02


def measure(runs: int, quick: bool) -> Table:
    seconds = QUICK_SECONDS if quick else SECONDS
    rows = [row for case in cases(quick) for row in _rows(*case, seconds, runs)]
    rows += [row for threads in thread_counts(quick) for row in _vocos_rows(threads, seconds, runs)]
    note = (
        f"{seconds} s of speech, without HTTP, random weights, WaveRNN with spectral correction; "
        f"seconds per second of speech; RTVC's plain loop is run for {Hparams.hop_length} of its "
        f"{RTVC_STEPS} steps; the limit is for the service's default on two idle cores"
    )
    return Table("Vocoding of an utterance", note, rows)


def rtvc_folds(samples: int) -> int:
    """Number of folds that RTVC makes of an utterance."""
    stride = RTVC_TARGET + RTVC_OVERLAP
    return max(1, -(-(samples - RTVC_OVERLAP) // stride))


def _rows(size: str, threads: int, speech: int, runs: int) -> Iterator[Row]:
    """speech: seconds."""
    model = network(size)
    hparams = model.hparams
    samples = speech * hparams.sample_rate
    first_steps = random_mels(rtvc_folds(samples), 1, hparams)
    mel = _mel(samples // hparams.hop_length + 1)
    with torch_threads(threads):
        engines = engines_of(model, threads)
        ours = [partial(_vocode, engine, mel) for engine in engines.values()]
        steps, *others = seconds_side_by_side([plain_loop(model, first_steps), *ours], runs)
    plain = [run * RTVC_STEPS / hparams.hop_length for run in steps]
    name = f"{size}, {threads_called(threads)}"
    yield Row(f"{name}: RTVC's plain loop", "s/s", [run / speech for run in plain])
    for called, seconds in zip(engines, others, strict=True):
        best = threads == 2 and called == [*engines][-1]
        limit = LIMITS[size] if best else None
        yield Row(f"{name}: {called}", "s/s", [run / speech for run in seconds], limit)
        yield Row(f"{name}: plain / {called}", "×", ratios(plain, seconds))


def _vocos_rows(threads: int, speech: int, runs: int) -> Iterator[Row]:
    """Vocos and the fastest engine of the bundled WaveRNN. speech: seconds."""
    vocos = VocosVocoder(Vocos(VocosHparams()).eval().requires_grad_(False))
    model = network(next(iter(SIZES)))
    mel = _mel(speech * model.hparams.sample_rate // model.hparams.hop_length + 1)
    with torch_threads(threads):
        *_, (called, engine) = engines_of(model, threads).items()
        works = [partial(_vocode, engine, mel), partial(_exhaust, vocos, mel)]
        wavernn, own = seconds_side_by_side(works, runs)
    name = f"Vocos, {threads_called(threads)}"
    limit = MAX_VOCOS_RTF if threads == 1 else None
    yield Row(name, "s/s", [run / speech for run in own], limit)
    yield Row(f"{name}: WaveRNN {called} / Vocos", "×", ratios(wavernn, own))


def _exhaust(vocos: VocosVocoder, mel: Float32Array) -> None:
    for _ in vocos.generate(mel):
        pass


def _mel(frames: int) -> Float32Array:
    """[80, T] in ±4"""
    shape = MEL_FORMAT.n_mels, frames
    return np.random.default_rng(0).uniform(-4, 4, shape).astype(np.float32)


def _vocode(engine: Engine, mel: Float32Array) -> None:
    for _ in generate(engine, mel, seed=1, passes=PASSES):
        pass
