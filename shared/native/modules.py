"""The services' native loops in C++, one extension module for each instruction set.

The loop `vocoder_service.wavernn._sample_loop` is built by setup.py as
`vocoder_service.wavernn._sample_loop_avx512` and so on. Without a compiler, no module is built.
"""

import importlib
from typing import Any

INSTRUCTION_SETS = ("avx512", "avx2", "portable")
"""Best first."""


def built(loop: str) -> list[str]:
    """The instruction sets that the loop was built for and the CPU has, best first."""
    return [name for name in INSTRUCTION_SETS if name in supported(loop) and _module(loop, name)]


def supported(loop: str) -> set[str]:
    """The CPU's instruction sets, and "bfloat16" for its dot product. Empty if nothing is built."""
    portable = _module(loop, "portable")
    return set(portable.supported()) if portable else set()


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
