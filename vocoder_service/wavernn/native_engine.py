"""The sample loop of WaveRNN in C++ (native/sample_loop.cpp): no Python and no allocation a sample.

Built at installation, for several instruction sets (setup.py); the best one that this CPU has is
taken when the engine is made. Where none was built, `engine_for` gives the loop in torch.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from shared.native import modules as native_modules
from vocoder_service.wavernn.engine import Engine, FoldState, TorchEngine, Weights
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels

Array = NDArray[np.float32]
Precision = Literal["float32", "bfloat16"]

log = logging.getLogger("better")

LOOP = "vocoder_service.wavernn._sample_loop"


def engine_for(model: WaveRNN, threads: int, precision: Precision) -> Engine:
    """The native loop where it was built, else the one in torch.

    bfloat16 where the CPU multiplies it, else float32.
    """
    if not built():
        log.warning(
            "the native sample loop was not built: no C++ compiler at installation? The loop in "
            "torch serves, several times slower; `pip install -e .` with g++ builds the other"
        )
        return TorchEngine(model)
    best_has_it = built()[0] == "avx512" and "bfloat16" in supported()
    half = precision == "bfloat16" and best_has_it
    try:
        return NativeEngine(model, threads, "bfloat16" if half else "float32")
    except ValueError as error:
        log.warning("%s in the native sample loop: the one in torch serves", error)
        return TorchEngine(model)


def built() -> list[str]:
    """The instruction sets that were built and that this CPU has, best first."""
    return native_modules.built(LOOP)


def supported() -> set[str]:
    """What this CPU has, `bfloat16` for its dot product among them; nothing if nothing is built."""
    return native_modules.supported(LOOP)


class NativeEngine(Engine):
    """The interface is that of `Engine`. Each thread owns whole folds while a call lasts."""

    def __init__(
        self,
        model: WaveRNN,
        threads: int = 1,
        precision: Precision = "float32",
        instruction_set: str | None = None,
    ) -> None:
        """Raises ValueError for a model in training mode, or with sizes of no whole vectors."""
        self._torch = TorchEngine(model)  # for what is made at frame rate
        self.hparams = model.hparams
        self.precision = precision
        self.instruction_set = instruction_set or built()[0]
        module = native_modules.native_module(LOOP, self.instruction_set)
        weights = self._torch.weights
        self._loop = module.SampleLoop(
            {name: _array(tensor) for name, tensor in _of_the_loop(weights).items()},
            precision == "bfloat16",
        )
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "samples")

    def describe(self, mel: Array) -> Array:
        return self._torch.describe(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        labels = np.empty(uniforms.shape, np.int16)
        sharpness = 1 / temperature
        per_fold: list[NDArray[Any]] = [state.h1, state.h2, state.x, mel, aux, uniforms]
        per_fold += [sharpness, labels]
        threads = min(self._threads, len(labels))
        shares = zip(*(np.array_split(array, threads) for array in per_fold), strict=True)
        running = [self._pool.submit(self._loop.run, *share) for share in shares]
        for share in running:
            share.result()
        return labels

    def logits(self, mel: Array, aux: Array, labels: Labels) -> Array:
        """Teacher-forced, from a fold at rest: [F, T * hop, classes], each sample's after `labels`
        [F, T * hop] before it. mel, aux: as `run` has them."""
        state = FoldState.at_rest(len(labels), self.hparams.rnn_dims)
        logits = np.empty((*labels.shape, self.hparams.classes), np.float32)
        self._loop.teach(state.h1, state.h2, state.x, mel, aux, labels, logits)
        return logits


def _of_the_loop(w: Weights) -> dict[str, Tensor]:
    """Weights [out, in] and biases by the loop's names for them."""
    return {
        "hidden1": w.hidden1,
        "hidden1_bias": w.hidden1_bias,
        "rnn2": w.rnn2.weight.T,
        "hidden2": w.hidden2,
        "hidden2_bias": w.hidden2_bias,
        "fc1": w.fc1.weight.T,
        "fc2": w.fc2.weight.T,
        "fc3": w.fc3.T,
        "fc3_bias": w.fc3_bias,
        "last": w.i.weight[0],
        "mel": w.i.weight[1:].T,
        "aux1": w.i.aux.T,
        "aux2": w.rnn2.aux.T,
        "aux3": w.fc1.aux.T,
        "aux4": w.fc2.aux.T,
        "aux1_bias": w.i.bias,
        "aux2_bias": w.rnn2.bias,
        "aux3_bias": w.fc1.bias,
        "aux4_bias": w.fc2.bias,
        "kernel": w.kernel[:, :-1],
    }


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
