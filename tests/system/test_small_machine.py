"""Each app in 512 MB, driven with the largest requests that it allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from benchmarks.loads import largest, ordinary
from shared.services import SERVICES
from tests.support.full_size import random_network, write_full_size
from tests.support.memory_limit import LIMIT_MIB, small_machine
from tests.support.stub_services import StubServices

APPS = [*SERVICES, "gateway"]


@contextmanager
def settings_of(name: str, folder: Path) -> Iterator[dict[str, str]]:
    if name != "gateway":
        yield {"QUEUE_SECONDS": "300"}
        return
    with StubServices() as services:
        own = {"DATA_DIR": str(folder), "DATABASE_URL": "", "REDIS_URL": ""}
        yield own | services.environment


@pytest.mark.parametrize("name", APPS)
def test_largest_requests_fit_a_small_machine(name: str, tmp_path: Path) -> None:
    with settings_of(name, tmp_path) as settings, small_machine(name, settings) as machine:
        for load in largest(name):
            load.send(machine.url)
            assert machine.peak_mib < LIMIT_MIB, load.name
        assert httpx.get(f"{machine.url}/health/ready", timeout=60).is_success
        assert machine.group is None or machine.group.killed == 0


def test_full_size_synthesizer_fits_a_small_machine(tmp_path: Path) -> None:
    """It needs most while it loads; so a short request is enough."""
    write_full_size("synthesizer", random_network("synthesizer"), tmp_path)
    settings = {"CHECKPOINTS_DIR": str(tmp_path), "MAX_FRAMES": "60", "MAX_ATTEMPTS": "1"}
    with small_machine("synthesizer", settings) as machine:
        ordinary("synthesizer").send(machine.url)
        assert machine.peak_mib < LIMIT_MIB
        assert machine.group is None or machine.group.killed == 0


def test_limit_is_one(tmp_path: Path) -> None:
    """A process over the limit is killed, where control groups are available."""
    settings = {"DATA_DIR": str(tmp_path)}
    with small_machine("gateway", settings) as machine:
        if machine.group is None:
            pytest.skip("this machine does not allow control groups")
        names = ("memory.max", "memory.limit_in_bytes")
        (limit,) = [file for name in names if (file := machine.group.folder / name).exists()]
        assert LIMIT_MIB - 1 < int(limit.read_text()) / 2**20 <= LIMIT_MIB
        assert str(machine.process.pid) in (machine.group.folder / "cgroup.procs").read_text()
