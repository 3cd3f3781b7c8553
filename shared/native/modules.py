"""The services' native loops in C++, one extension module for each instruction set.

The loop `vocoder_service.wavernn._sample_loop` is built by setup.py as
`vocoder_service.wavernn._sample_loop_avx512` and so on. Without a compiler, no module is built.
"""

import importlib
from typing import Any

from shared.settings import IS_INSTALLED

INSTRUCTION_SETS: tuple[str, ...] = ("avx512", "avx2", "neon_bf16", "neon", "portable")
"""Best first: AVX of x86-64, NEON of 64-bit ARM, and portable code for other machines and old ones.
"""
BUILD_REMEDY = (
    "install a wheel that has the loops (docs/install.md)"
    if IS_INSTALLED
    else "install g++ and run `pip install -e .` to build it"
)
"""Remedy if no loop was built."""
_WITH_BFLOAT16 = {"avx512", "neon_bf16"}


def built(loop: str) -> list[str]:
    """The instruction sets that the loop was built for and the CPU has, best first."""
    return [name for name in INSTRUCTION_SETS if name in supported(loop) and _module(loop, name)]


def supported(loop: str) -> set[str]:
    """The CPU's instruction sets, and "bfloat16" for its dot product. Empty if nothing is built."""
    # The last ones run on every CPU of the machine's kind; importing others may crash.
    modules = (_module(loop, name) for name in reversed(INSTRUCTION_SETS))
    return next((set(module.supported()) for module in modules if module), set())


def multiplies_bfloat16(loop: str, instruction_set: str | None = None) -> bool:
    """True if the CPU and the loop, by default the best one, have a dot product of bfloat16."""
    chosen = instruction_set or next(iter(built(loop)), None)
    return chosen in _WITH_BFLOAT16 and {chosen, "bfloat16"} <= supported(loop)


def native_module(loop: str, instruction_set: str | None = None) -> Any:
    """The loop for an instruction set, by default the best one available.

    Raises ImportError if it was not built.
    """
    name = instruction_set or next(iter(built(loop)), INSTRUCTION_SETS[-1])
    return importlib.import_module(f"{loop}_{name}")


def _module(loop: str, instruction_set: str) -> Any:
    try:
        return native_module(loop, instruction_set)
    except ImportError:
        return None
