import subprocess
import sys
from pathlib import Path

import pytest

from cli import peak_memory
from cli.peak_memory import peak_mib

ALLOCATE = "x = bytearray(60 * 2**20); del x; print(flush=True); input()"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_peak_is_the_maximum_of_all_processes_of_the_group() -> None:
    spawn = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ALLOCATE!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", spawn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as child:
        assert child.stdout
        child.stdout.readline()
        held = peak_mib(child.pid)
        child.communicate(b"\n")

    assert 60 < held < 160


def test_without_proc_ps_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = subprocess.CompletedProcess([], 0, stdout=" 7 1024\n  8 9999\n  7 2048\n")
    monkeypatch.setattr(peak_memory, "_PROC", Path("/no/proc"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: listing)

    assert peak_mib(7) == 3


def test_a_group_without_processes_holds_nothing() -> None:
    assert peak_mib(2**22) == 0
