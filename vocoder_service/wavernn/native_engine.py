"""The sample loop of WaveRNN in C++ (native/sample_loop.cpp), with no Python per sample.

It is built at installation for several instruction sets (setup.py). The engine uses the best one
that the CPU supports. If none was built, `engine_for` returns the loop in torch.
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
    """The native loop if it was built, else the one in torch.

    Uses float32 in place of bfloat16 on CPUs that do not multiply bfloat16.
    """
    if not built():
        log.warning(
            "the native sample loop was not built, and the loop in torch is several times slower; "
            "%s",
            native_modules.BUILD_REMEDY,
        )
        return TorchEngine(model)
    half = precision == "bfloat16" and native_modules.multiplies_bfloat16(LOOP)
    try:
        return NativeEngine(model, threads, "bfloat16" if half else "float32")
    except ValueError as error:
        log.warning("%s by the native sample loop; using the loop in torch", error)
        return TorchEngine(model)


def built() -> list[str]:
    """Instruction sets that were built and that this CPU supports, best first."""
    return native_modules.built(LOOP)


def supported() -> set[str]:
    """Features of this CPU, such as `bfloat16` for its dot product; empty if nothing was built."""
    return native_modules.supported(LOOP)


class NativeEngine(Engine):
    """The sample loop in C++. During a run each thread owns whole folds."""

    def __init__(
        self,
        model: WaveRNN,
        threads: int = 1,
        precision: Precision = "float32",
        instruction_set: str | None = None,
    ) -> None:
        """Raises ValueError for a model in training mode, or sizes that are not whole vectors."""
        self._torch = TorchEngine(model)  # for products at frame rate
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

    def aux_features(self, mel: Array) -> Array:
        return self._torch.aux_features(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        labels = np.empty(uniforms.shape, np.int16)
        inverse_temperature = 1 / temperature
        per_fold: list[NDArray[Any]] = [state.h1, state.h2, state.x, mel, aux, uniforms]
        per_fold += [inverse_temperature, labels]
        threads = min(self._threads, len(labels))
        shares = zip(*(np.array_split(array, threads) for array in per_fold), strict=True)
        running = [self._pool.submit(self._loop.run, *share) for share in shares]
        for share in running:
            share.result()
        return labels

    def logits(self, mel: Array, aux: Array, labels: Labels) -> Array:
        """Teacher-forced logits [F, T * hop, classes] from a fold at rest.

        labels: [F, T * hop], the true samples. mel, aux: as `run` takes them.
        """
        state = FoldState.at_rest(len(labels), self.hparams.rnn_dims)
        logits = np.empty((*labels.shape, self.hparams.classes), np.float32)
        self._loop.teacher_forced_logits(state.h1, state.h2, state.x, mel, aux, labels, logits)
        return logits


def _of_the_loop(w: Weights) -> dict[str, Tensor]:
    """Weights [out, in] and biases under the names of sample_loop.cpp."""
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
