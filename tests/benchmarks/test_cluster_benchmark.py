"""The parts of the cluster's benchmark that need no Ray."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from benchmarks.cluster import cpu_shares, sizing
from benchmarks.cluster.cpu_times import OTHERS, cpu_times
from tests.conftest import REPOSITORY

GUIDE = (REPOSITORY / "docs/deploy-cluster.md").read_text()
REPLICA = "import sys, time; sum(range(30_000_000)); print('done', flush=True); time.sleep(60)"
ROUNDING = 1e-9

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_cpu_times_are_by_the_name_of_the_process() -> None:
    title = "ray::ServeReplica:vocoder:vocoder"
    command = [title, "-c", REPLICA]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        times = cpu_times(os.getpid())
        child.kill()
    assert times["vocoder"] > 0.1
    assert times[OTHERS] >= time.process_time() * 0.5


@pytest.mark.parametrize("version", [1, 2])
def test_cpu_shares_hold_a_process_and_release_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int
) -> None:
    monkeypatch.setattr(cpu_shares, "UNIFIED", tmp_path)
    monkeypatch.setattr(cpu_shares, "SEPARATE", tmp_path)
    if version == 2:
        (tmp_path / "cgroup.controllers").touch()
    group = tmp_path / "better-benchmark-17"
    with cpu_shares.cpu_shares([17], 0.25):
        assert (group / "cgroup.procs").read_text() == "17"
        limits = {file.name: file.read_text() for file in group.glob("cpu.*")}
    assert limits == (
        {"cpu.max": "5000 20000"}
        if version == 2
        else {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "5000"}
    )
    assert (tmp_path / "cgroup.procs").read_text() == "17"


def test_machine_without_control_groups_is_refused_with_the_requirement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpu_shares, "UNIFIED", tmp_path)
    monkeypatch.setattr(cpu_shares, "SEPARATE", tmp_path / "missing")
    with (
        pytest.raises(click.ClickException, match="run as root on Linux"),
        cpu_shares.cpu_shares([17], 0.25),
    ):
        pass


@pytest.mark.parametrize("table", [sizing.capacity_table, sizing.cost_table])
def test_guide_has_the_tables_that_the_formula_gives(table: sizing.Lines) -> None:
    assert "\n".join(table()) in GUIDE


def test_replicas_are_enough_for_the_peak() -> None:
    for setup in sizing.SETUPS:
        for listeners in sizing.LISTENERS:
            replicas = setup.replicas(listeners)
            enough = replicas["vocoder"] * sizing.UTILISATION + ROUNDING
            assert enough >= listeners * setup.vocoder
            cores = setup.machines(listeners) * sizing.CORES
            assert cores * sizing.UTILISATION + ROUNDING >= listeners * setup.seconds
