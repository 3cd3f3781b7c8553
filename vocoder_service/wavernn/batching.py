"""Continuous batching: concurrent requests share the batches of one engine.

A run starts at once if the engine is idle. Otherwise it joins the next batch, which starts when the
current one ends: one frame later. A fold's samples do not depend on its batch, so every request
gets the same samples as alone.

A request that begins its next run before it waits for the labels of the last one joins every batch.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

from shared.http.deadlines import check_connected
from vocoder_service.wavernn.engine import Engine, FoldState
from vocoder_service.wavernn.mu_law import Labels

Array = NDArray[np.float32]

MAX_FOLDS = 64
"""In a batch, unless a single run has more. More are no faster, and the next run waits longer."""


@dataclass(eq=False)  # by identity: comparing arrays gives no single truth value
class _PendingRun:
    """The arguments of `Engine.run`, and its labels once they are there."""

    state: FoldState
    inputs: Sequence[Array]
    """mel, aux, uniforms, temperature: one row per fold, as `Engine.run` takes them."""
    labels: Future[Labels] = field(default_factory=Future)

    @property
    def folds(self) -> int:
        return len(self.state.x)

    @property
    def frames(self) -> int:
        return int(self.inputs[1].shape[1])


class SharedEngine(Engine):
    """An engine that batches the runs of several threads.

    Runs with the same number of frames share a batch; runs with the same state follow each other.
    A run whose client has disconnected raises ClientDisconnected.
    """

    def __init__(self, engine: Engine) -> None:
        self.hparams = engine.hparams
        self._engine = engine
        self._waiting: list[_PendingRun] = []
        self._changed = Condition()
        Thread(target=self._serve, name="vocoder", daemon=True).start()

    def aux_features(self, mel: Array) -> Array:
        return self._engine.aux_features(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        return self.begin(state, mel, aux, uniforms, temperature)()

    def begin(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Callable[[], Labels]:
        check_connected()
        run = _PendingRun(state, (mel, aux, uniforms, temperature))
        with self._changed:
            self._waiting.append(run)
            self._changed.notify()
        return run.labels.result

    def _serve(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                self._run(batch)
            except Exception as error:
                for run in batch:
                    if not run.labels.done():
                        run.labels.set_exception(error)

    def _next_batch(self) -> list[_PendingRun]:
        """The oldest run and later ones that fit into its batch, one per state."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            first, *later = self._waiting
            batch, folds, seen = [first], first.folds, [first.state]
            for run in later:
                fits = folds + run.folds <= MAX_FOLDS and run.frames == first.frames
                if fits and all(run.state is not state for state in seen):
                    batch.append(run)
                    folds += run.folds
                seen.append(run.state)
            self._waiting = [run for run in self._waiting if run not in batch]
            return batch

    def _run(self, batch: Sequence[_PendingRun]) -> None:
        states = [run.state for run in batch]
        state = FoldState(
            np.concatenate([each.h1 for each in states]),
            np.concatenate([each.h2 for each in states]),
            np.concatenate([each.x for each in states]),
        )
        inputs = zip(*(run.inputs for run in batch), strict=True)
        labels = self._engine.run(state, *(np.concatenate(arrays) for arrays in inputs))
        at = 0
        for run in batch:
            own = slice(at, at := at + run.folds)
            run.state.h1[:], run.state.h2[:] = state.h1[own], state.h2[own]
            run.state.x[:] = state.x[own]
            run.labels.set_result(labels[own].copy())
