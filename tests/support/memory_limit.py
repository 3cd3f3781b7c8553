"""An app in a control group with the memory of a small machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.peak_memory import peak_mib
from tests.conftest import REPOSITORY, free_port, wait_until_ready

LIMIT_MIB = 512
STOP_SECONDS = 60
CGROUPS = Path("/sys/fs/cgroup")
START = 'test -z "$0" || echo $$ > "$0/cgroup.procs"; exec "$@"'


class ControlGroup:
    """A control group; the kernel kills its processes above LIMIT_MIB."""

    def __init__(self, folder: Path, of_version_2: bool) -> None:
        """Raises OSError if that is not allowed."""
        self.folder = folder
        self._of_version_2 = of_version_2
        folder.mkdir()
        try:
            limit = "memory.max" if of_version_2 else "memory.limit_in_bytes"
            (folder / limit).write_text(str(LIMIT_MIB * 2**20))
        except OSError:
            folder.rmdir()
            raise

    @property
    def killed(self) -> int:
        """Number of processes killed so far."""
        file = "memory.events" if self._of_version_2 else "memory.oom_control"
        lines = dict(line.split() for line in (self.folder / file).read_text().splitlines())
        return int(lines["oom_kill"])


@dataclass(frozen=True)
class SmallMachine:
    url: str
    process: subprocess.Popen[bytes]
    group: ControlGroup | None

    @property
    def peak_mib(self) -> float:
        return peak_mib(self.process.pid)


@contextmanager
def control_group(name: str) -> Iterator[ControlGroup | None]:
    """A control group; None if this machine does not allow it."""
    of_version_2 = (CGROUPS / "cgroup.controllers").is_file()
    parent = CGROUPS if of_version_2 else CGROUPS / "memory"
    try:
        group = ControlGroup(parent / f"better-{name}-{os.getpid()}", of_version_2)
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        group.folder.rmdir()


@contextmanager
def small_machine(service: str, settings: Mapping[str, str]) -> Iterator[SmallMachine]:
    """Run an app as the Procfile does, in a control group of LIMIT_MIB if possible."""
    port = free_port()
    own = {"SERVICE": service, "BIND_HOST": "127.0.0.1", "PORT": str(port)}
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    with control_group(service) as group:
        command = ["sh", "-c", START, str(group.folder) if group else "", *gunicorn]
        with subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, **own, **settings}, process_group=0
        ) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                wait_until_ready(url, process)
                yield SmallMachine(url, process, group)
            finally:
                _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process; kill it and fail if it does not stop."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
