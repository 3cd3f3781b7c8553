"""Native loops of the services: C++ modules that setup.py builds, one per instruction set.

The loop `vocoder_service.wavernn._sample_loop` consists of the modules
`vocoder_service.wavernn._sample_loop_avx512` and so on. Without a compiler there are none.
"""

import importlib
from typing import Any

INSTRUCTION_SETS = ("avx512", "avx2", "portable")
"""Best first."""


def built(loop: str) -> list[str]:
    """Instruction sets that were built and that this CPU supports, best first."""
    return [name for name in INSTRUCTION_SETS if name in supported(loop) and _module(loop, name)]


def supported(loop: str) -> set[str]:
    """Features of this CPU, such as `bfloat16` for its dot product; empty if nothing was built."""
    portable = _module(loop, "portable")
    return set(portable.supported()) if portable else set()


def native_module(loop: str, instruction_set: str | None = None) -> Any:
    """The loop for an instruction set, by default the best one.

    Raises ImportError if it was not built.
    """
    name = instruction_set or next(iter(built(loop)), INSTRUCTION_SETS[-1])
    return importlib.import_module(f"{loop}_{name}")


def _module(loop: str, instruction_set: str) -> Any:
    try:
        return native_module(loop, instruction_set)
    except ImportError:
        return None
