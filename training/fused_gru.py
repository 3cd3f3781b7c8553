"""A GRU layer that trains faster on a CPU than torch's, with the same numbers.

native/gru.cpp is compiled when it is first needed, for the CPU at hand, and kept in ~/.cache. Where
there is no C++ compiler, for sizes that are no whole vectors and for few rows, torch's serves.
"""

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

log = logging.getLogger("better")

SOURCE = Path(__file__).with_name("native") / "gru.cpp"
# -ffast-math lets exp be a vector's; linked apart from it, no start-up code changes the CPU's mode.
COMPILE = ["-c", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-std=c++17"]
LINK = ["-shared", "-fopenmp"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "better-api"


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled functions; None, with a warning, where they cannot be compiled."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        log.warning("no C++ compiler: the vocoder trains slower; install g++")
        return None
    library = CACHE / f"gru-{_fingerprint()}.so"
    try:
        if not library.exists():
            _build(compiler, library)
        return ctypes.CDLL(os.fspath(library))
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("training/native/gru.cpp: %s; the vocoder trains slower", error)
        return None


def _fingerprint() -> str:
    """Of the source and the CPU, whose instructions are used."""
    cpuinfo = Path("/proc/cpuinfo")
    cpu = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = next((line for line in cpu.splitlines() if line.startswith("flags")), "")
    return hashlib.sha256(SOURCE.read_bytes() + flags.encode()).hexdigest()[:16]


def _build(compiler: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        compiled, linked = Path(folder, "gru.o"), Path(folder, "gru.so")
        steps: list[list[str | Path]] = [
            [*COMPILE, SOURCE, "-o", compiled],
            [*LINK, compiled, "-o", linked],
        ]
        for arguments in steps:
            subprocess.run([compiler, *arguments], check=True, capture_output=True)
        linked.replace(library)


class FusedGRU(nn.GRU):
    """nn.GRU with one layer, batch first: the same parameters, from a state of zeros."""

    @classmethod
    def of(cls, gru: nn.GRU) -> Self:
        """With the weights of `gru`."""
        fused = cls(gru.input_size, gru.hidden_size, batch_first=True)
        fused.load_state_dict(gru.state_dict())
        return fused

    def forward(  # type: ignore[override]  # no packed sequences
        self, x: Tensor, hx: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x: [B, T, input_size] -> states [B, T, hidden_size], and the last of them [1, B, H]."""
        if hx is not None or not self._fits(x):
            return super().forward(x, hx)
        of_input, of_hidden, input_bias, hidden_bias = self.all_weights[0]
        gates = F.linear(x, of_input, input_bias).float()  # [B, T, 3H]
        states: Tensor = _Recurrence.apply(gates, of_hidden, hidden_bias)  # type: ignore[no-untyped-call]
        return states, states[:, -1].unsqueeze(0)

    def _fits(self, x: Tensor) -> bool:
        native = kernels()
        return (
            native is not None
            and x.device.type == "cpu"
            and len(x) % native.rows_multiple() == 0
            and self.hidden_size % native.columns_multiple() == 0
        )


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """gates: [B, T, 3H]; weight: [3H, H]; bias: [3H]. Returns states [B, T, H]."""
        native = kernels()
        assert native is not None
        gates, size = gates.contiguous(), (*gates.shape[:2], weight.shape[1])
        batch, steps, hidden = size
        states = gates.new_empty(batch, steps + 1, hidden)
        states[:, 0] = 0
        kept = gates.new_empty(4, *size)
        arrays = (gates, _panels(weight.t()), bias.contiguous(), states, kept)
        native.gru_forward(torch.get_num_threads(), *_longs(*size), *map(_pointer, arrays))
        ctx.save_for_backward(weight, states, kept)
        ctx.half = torch.is_autocast_enabled("cpu")  # backward runs outside of it
        return states[:, 1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        native = kernels()
        assert native is not None
        weight, states, kept = ctx.saved_tensors
        size = kept.shape[1:]
        grad_gates, grad_products = (states.new_empty(*size[:2], 3 * size[2]) for _ in range(2))
        arrays = (grads[0].contiguous(), _panels(weight), states, kept, grad_gates, grad_products)
        native.gru_backward(torch.get_num_threads(), *_longs(*size), *map(_pointer, arrays))
        # One product for all steps, the largest of the pass: in bfloat16, as autocast would.
        products, before = grad_products.flatten(0, 1), states[:, :-1].flatten(0, 1)
        if ctx.half:
            products, before = products.bfloat16(), before.bfloat16()
        return grad_gates, (products.t() @ before).float(), grad_products.sum(dim=(0, 1))


def _panels(weight: Tensor) -> Tensor:
    """[inputs, outputs] -> [outputs / n, inputs, n], as the kernels read it."""
    native = kernels()
    assert native is not None
    n = native.columns_multiple()
    return weight.reshape(len(weight), -1, n).transpose(0, 1).contiguous()


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _longs(*numbers: int) -> tuple[ctypes.c_long, ...]:
    return tuple(map(ctypes.c_long, numbers))
