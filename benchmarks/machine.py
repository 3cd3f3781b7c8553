"""Facts about the machine, and the numbers of cores and threads for a measurement."""

import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import torch

from benchmarks.results import Table

CPUINFO = Path("/proc/cpuinfo")
SIMD = (
    *("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"),
    *("asimd", "sve", "sve2", "bf16"),  # ARM
)


def machine_facts() -> dict[str, str]:
    cpuinfo = CPUINFO.read_text() if CPUINFO.exists() else ""
    flags = set(_field(cpuinfo, "flags|Features").split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    family, model = _field(cpuinfo, "cpu family"), _field(cpuinfo, "model")
    return {
        "CPU": _field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        "family, model": f"{family}, {model}" if family else "unknown",
        "cores usable": str(usable_cores()),
        "SIMD": " ".join(flag for flag in SIMD if flag in flags) or "unknown",
        "memory": f"{memory / 1e9:.1f} GB",
        "Python": platform.python_version(),
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads, "
        f"uses {torch.backends.cpu.get_cpu_capability()}",
    }


def load_average() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def conclude(facts: Mapping[str, str], tables: Mapping[str, Table], json_path: Path | None) -> None:
    """Show the load after the measurements, and write all to a file if one is named."""
    load = load_average()
    click.echo(f"\nload average after   {load}")
    click.echo("Compare ratios: seconds depend on the machine and its load.")
    if json_path:
        machine = {**facts, "load average after": load}
        shown = {name: table.to_dict() for name, table in tables.items()}
        content = json.dumps({"machine": machine, "tables": shown}, indent=1, ensure_ascii=False)
        json_path.write_text(content + "\n")


def _field(cpuinfo: str, name: str) -> str:
    found = re.search(rf"^(?:{name})\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_counts(quick: bool = False) -> list[int]:
    """[1, 2] with two or more cores, else [1].

    quick: always [1], since torch's second thread is slow if another program has the core.
    """
    return [1, 2] if usable_cores() > 1 and not quick else [1]


def threads_called(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Set torch's number of threads for the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
