"""Process settings for fast training: freed memory stays mapped, products run in bfloat16."""

from functools import cache
from pathlib import Path

import torch

from shared.http.process_memory import set_malloc_option

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16_FLAG = "bf16"  # part of avx512_bf16 and amx_bf16 on x86, and bf16 on Arm

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # from glibc's malloc.h
_MAX_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Keep freed memory in the process. Does nothing without glibc.

    By default glibc maps every large temporary again, and a step takes up to half as long again.
    """
    set_malloc_option(_M_MMAP_MAX, 0)
    set_malloc_option(_M_TRIM_THRESHOLD, _MAX_INT)


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16, except on a CPU without bfloat16 products, where it would be slower."""
    enabled = device.type != "cpu" or _cpu_has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@cache
def _cpu_has_bfloat16() -> bool:
    return CPUINFO.exists() and BFLOAT16_FLAG in CPUINFO.read_text()
