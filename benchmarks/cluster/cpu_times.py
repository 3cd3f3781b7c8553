"""CPU seconds of Ray's processes on this machine, by what they do. Linux."""

import os
from collections import defaultdict
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second
REPLICA, PROXY = "ray::ServeReplica:", "ray::ProxyActor"
OTHERS = "Ray's other processes"


def cpu_times(root: int) -> dict[str, float]:
    """Seconds of a process and all below it: by app, of the proxy, and of OTHERS.

    root: the process id of `ray start`.
    """
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(folder.name)] = int(fields[1])
        seconds[int(folder.name)] = (int(fields[11]) + int(fields[12])) / TICKS  # user, system
    found: dict[str, float] = defaultdict(float)
    for pid in parents:
        if _is_below(pid, root, parents):
            found[_kind(pid)] += seconds[pid]
    return found


def _is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid and pid != root:
        pid = parents.get(pid, 0)
    return pid == root


def _kind(pid: int) -> str:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return OTHERS
    if title.startswith(REPLICA):
        return title.removeprefix(REPLICA).partition(":")[0]
    return "proxy" if title.startswith(PROXY) else OTHERS
