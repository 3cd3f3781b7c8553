"""Concurrent calls share a batch and get the same samples as alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.http.tensors import Float32Array
from tests.vocoder_service.conftest import precisions
from vocoder_service.wavernn.batching import MAX_FOLDS, SharedEngine
from vocoder_service.wavernn.engine import Engine, FoldState, TorchEngine
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels
from vocoder_service.wavernn.native_engine import NativeEngine

Array = NDArray[np.float32]


class Watched(Engine):
    """An engine that waits to be let go, and notes how many folds each batch has."""

    def __init__(self, engine: TorchEngine) -> None:
        self.engine, self.hparams, self.batches = engine, engine.hparams, list[int]()
        self.begun, self.let_go = Event(), Event()

    def aux_features(self, mel: Array) -> Array:
        return self.engine.aux_features(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        self.batches.append(len(state.x))
        self.begun.set()
        assert self.let_go.wait(30)
        if np.isnan(mel).any():
            raise FloatingPointError("NaN in the mel")
        return self.engine.run(state, mel, aux, uniforms, temperature)


@pytest.fixture
def watched(tiny_engine: TorchEngine) -> Watched:
    return Watched(tiny_engine)


def one_frame(watched: Watched, folds: int, fill: float = 0) -> tuple[FoldState, list[Array]]:
    hparams = watched.hparams
    shapes = [(folds, 5, 80), (folds, 1, hparams.res_out_dims), (folds, 200), (folds,)]
    inputs = [np.full(shape, fill, np.float32) for shape in shapes[:2]]
    inputs += [np.full(shape, 0.5, np.float32) for shape in shapes[2:]]
    return FoldState.at_rest(folds, hparams.rnn_dims), inputs


def until_waiting(shared: SharedEngine, calls: int) -> None:
    deadline = time.monotonic() + 30
    while len(shared._waiting) < calls:
        assert time.monotonic() < deadline, f"{len(shared._waiting)} of {calls} calls are waiting"
        time.sleep(0)


@pytest.mark.parametrize(
    ("waiting", "batches"),
    [
        ((2, 3, MAX_FOLDS), [1, 5, MAX_FOLDS]),
        ((40, 40, 10, 20), [1, 50, 60]),  # the third goes before the second, which has no room
    ],
)
def test_calls_that_wait_are_run_together(
    watched: Watched, waiting: tuple[int, ...], batches: list[int]
) -> None:
    shared = SharedEngine(watched)
    frames = [one_frame(watched, folds) for folds in (1, *waiting)]
    with ThreadPoolExecutor(len(frames)) as pool:
        calls = [pool.submit(shared.run, frames[0][0], *frames[0][1])]
        assert watched.begun.wait(30)
        for n, (state, inputs) in enumerate(frames[1:], start=1):
            calls.append(pool.submit(shared.run, state, *inputs))
            until_waiting(shared, n)
        watched.let_go.set()
        assert [len(call.result(30)) for call in calls] == [1, *waiting]
    assert watched.batches == batches


def test_calls_begun_ahead_share_batches_and_keep_their_order(
    watched: Watched, tiny_engine: TorchEngine
) -> None:
    shared = SharedEngine(watched)
    (one, one_inputs), (two, two_inputs) = one_frame(watched, 1), one_frame(watched, 2, fill=0.1)
    alone = FoldState.at_rest(2, watched.hparams.rnn_dims)
    expected = [tiny_engine.run(alone, *two_inputs) for _ in range(2)]

    calls = [shared.begin(one, *one_inputs)]
    assert watched.begun.wait(30)
    calls += [shared.begin(two, *two_inputs), shared.begin(one, *one_inputs)]
    calls += [shared.begin(two, *two_inputs)]
    watched.let_go.set()
    labels = [call() for call in calls]

    assert watched.batches == [1, 3, 2]  # no two calls of one state in a batch
    np.testing.assert_array_equal(labels[1::2], expected)
    np.testing.assert_array_equal(two.h1, alone.h1)


def test_error_reaches_those_who_share_the_batch_and_no_one_else(watched: Watched) -> None:
    shared = SharedEngine(watched)
    watched.let_go.set()
    state, inputs = one_frame(watched, 1, fill=float("nan"))
    with pytest.raises(FloatingPointError):
        shared.run(state, *inputs)
    state, inputs = one_frame(watched, 1)
    assert shared.run(state, *inputs).shape == (1, 200)


@pytest.fixture
def engine(request: pytest.FixtureRequest, tiny: WaveRNN, tiny_engine: TorchEngine) -> Engine:
    """By its kind: "torch", or the native loop's precision and threads."""
    kind, threads = request.param
    if kind == "torch":
        return tiny_engine
    if kind not in precisions():
        pytest.skip(f"native sample loop in {kind}: not built, or not for this CPU")
    return NativeEngine(tiny, threads, kind)


KINDS = [("torch", 1), ("float32", 1), ("float32", 2), ("bfloat16", 1), ("bfloat16", 2)]


@pytest.mark.parametrize("engine", KINDS, indirect=True, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def test_sixteen_requests_at_once_are_bit_equal_to_one_after_the_other(
    engine: Engine, mel: Float32Array
) -> None:
    shared = SharedEngine(engine)
    start = Barrier(16)

    def sound(seed: int) -> Array:
        frames = mel[:, : 2 + seed % 6]
        return np.concatenate([*generate(shared, frames, seed, temperature=0.1 + seed / 50)])

    def among_others(seed: int) -> Array:
        start.wait(30)
        return sound(seed)

    serial = [sound(seed) for seed in range(16)]
    with ThreadPoolExecutor(16) as pool:
        at_once = [*pool.map(among_others, range(16))]
    for alone, among in zip(serial, at_once, strict=True):
        np.testing.assert_array_equal(alone, among)
