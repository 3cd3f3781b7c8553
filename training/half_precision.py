"""Products in bfloat16 where the device multiplies it; elsewhere they would take longer."""

from functools import cache
from pathlib import Path

import torch

CPU_DESCRIPTION = Path("/proc/cpuinfo")
INSTRUCTIONS = "bf16"  # avx512_bf16 and amx_bf16 of x86, bf16 of Arm


def half_precision(device: torch.device) -> torch.autocast:
    enabled = device.type != "cpu" or _cpu_multiplies_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@cache
def _cpu_multiplies_bfloat16() -> bool:
    return CPU_DESCRIPTION.exists() and INSTRUCTIONS in CPU_DESCRIPTION.read_text()
