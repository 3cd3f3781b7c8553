"""Control groups that hold processes to a share of a core, as a container's CPU limit does."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

UNIFIED = Path("/sys/fs/cgroup")
SEPARATE = UNIFIED / "cpu"  # version 1 has a hierarchy for each controller
PERIOD = 20_000  # microseconds; short, so that a request seldom waits for its share


@contextmanager
def cpu_shares(pids: Iterable[int], share: float) -> Iterator[None]:
    """Hold each process to this share of a core. Raises ClickException without root or Linux."""
    is_unified = (UNIFIED / "cgroup.controllers").exists()
    root = UNIFIED if is_unified else SEPARATE
    quota = round(share * PERIOD)
    limits = {"cpu.cfs_period_us": f"{PERIOD}", "cpu.cfs_quota_us": f"{quota}"}
    if is_unified:
        limits = {"cpu.max": f"{quota} {PERIOD}"}
    groups = {root / f"better-benchmark-{pid}": pid for pid in pids}
    try:
        try:
            for group, pid in groups.items():
                group.mkdir()
                for name, limit in limits.items():
                    (group / name).write_text(limit)
                (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise click.ClickException(
                f"{root} cannot hold a process to a share of a core "
                f"({os.strerror(error.errno or 0)}); run as root on Linux, with control groups"
            ) from error
        yield
    finally:
        for group, pid in groups.items():
            with suppress(OSError):  # the process has ended
                (root / "cgroup.procs").write_text(str(pid))
            with suppress(OSError):
                group.rmdir()
