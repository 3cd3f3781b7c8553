"""Peak memory of a service."""

import re
import subprocess
from pathlib import Path

_PROC = Path("/proc")


def peak_mib(group: int) -> float:
    """Peak memory in MiB of a process group: gunicorn and its workers.

    Without /proc, their current memory.
    """
    if _PROC.is_dir():
        return sum(_peak_kib(pid) for pid in _members(group)) / 1024
    listing = subprocess.run(
        ["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listing.stdout.splitlines()]
    return sum(int(kib) for pgid, kib in rows if int(pgid) == group) / 1024


def _members(group: int) -> list[Path]:
    return [process for process in _PROC.glob("[0-9]*") if _group_of(process) == group]


def _group_of(process: Path) -> int | None:
    try:
        # The command's name, in brackets, may contain spaces and brackets.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # the process has ended
        return None
    return int(fields[2])


def _peak_kib(process: Path) -> int:
    try:
        status = (process / "status").read_text()
    except OSError:
        return 0
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) if match else 0
