"""Requests that are vocoded at the same time share one batch, and wait for nothing to do so.

A call is served at once if nobody is at it; else it joins the next batch, which begins as soon as
the one under way ends: a frame later. An engine's folds do not depend on their batch, so every
request gets what it would have got alone.

Who begins its next call before it takes the labels of the last one misses no batch.
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
"""In a batch, unless one call alone has more. More gain nothing, and the next call waits longer."""


@dataclass(eq=False)  # a call is itself alone: arrays have no one truth to compare by
class _Call:
    state: FoldState
    inputs: Sequence[Array]
    """mel, aux, uniforms, temperature: one row a fold, as `Engine.run` has them."""
    labels: Future[Labels] = field(default_factory=Future)

    @property
    def folds(self) -> int:
        return len(self.state.x)

    @property
    def frames(self) -> int:
        return int(self.inputs[1].shape[1])


class SharedEngine(Engine):
    """An engine for many threads. Calls of the same number of frames are run together, those with
    one state after each other; one that nobody waits for raises ClientDisconnected."""

    def __init__(self, engine: Engine) -> None:
        self.hparams = engine.hparams
        self._engine = engine
        self._waiting: list[_Call] = []
        self._changed = Condition()
        Thread(target=self._serve, name="vocoder", daemon=True).start()

    def describe(self, mel: Array) -> Array:
        return self._engine.describe(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        return self.begin(state, mel, aux, uniforms, temperature)()

    def begin(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Callable[[], Labels]:
        check_connected()
        call = _Call(state, (mel, aux, uniforms, temperature))
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()
        return call.labels.result

    def _serve(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                self._run(batch)
            except Exception as error:
                for call in batch:
                    if not call.labels.done():
                        call.labels.set_exception(error)

    def _next_batch(self) -> list[_Call]:
        """The call that waits longest, and those behind it that fit beside it, one of a state."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            first, *behind = self._waiting
            batch, folds, seen = [first], first.folds, [first.state]
            for call in behind:
                fits = folds + call.folds <= MAX_FOLDS and call.frames == first.frames
                if fits and all(call.state is not state for state in seen):
                    batch.append(call)
                    folds += call.folds
                seen.append(call.state)
            self._waiting = [call for call in self._waiting if call not in batch]
            return batch

    def _run(self, batch: Sequence[_Call]) -> None:
        states = [call.state for call in batch]
        state = FoldState(
            np.concatenate([each.h1 for each in states]),
            np.concatenate([each.h2 for each in states]),
            np.concatenate([each.x for each in states]),
        )
        inputs = zip(*(call.inputs for call in batch), strict=True)
        labels = self._engine.run(state, *(np.concatenate(arrays) for arrays in inputs))
        at = 0
        for call in batch:
            own = slice(at, at := at + call.folds)
            call.state.h1[:], call.state.h2[:] = state.h1[own], state.h2[own]
            call.state.x[:] = state.x[own]
            call.labels.set_result(labels[own].copy())
