from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from cli.demo import Stage, table
from cli.main import better
from cli.processes import ServiceProcesses
from shared.services import SERVICES
from shared.settings import REPOSITORY


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServiceProcesses]:
    """Stand-ins for the services that the demo starts."""
    opened: list[ServiceProcesses] = []
    enter = ServiceProcesses.__enter__

    def record(services: ServiceProcesses) -> ServiceProcesses:
        opened.append(services)
        return enter(services)

    monkeypatch.setattr(ServiceProcesses, "__enter__", record)
    return opened


def is_stopped(services: ServiceProcesses) -> bool:
    return all(child.returncode is not None for child in services._children.values())


def test_demo_speaks_measures_and_stops_its_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[ServiceProcesses]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_THREADS", "1")

    result = CliRunner().invoke(better, ["demo"])

    assert result.exit_code == 0, result.output
    samples, rate = soundfile.read(tmp_path / "demo/speech.wav")
    assert rate == 16_000
    assert len(samples) > rate
    assert np.abs(samples).max() > 0.01
    for service in SERVICES:
        (row,) = [line.split() for line in result.output.splitlines() if line.startswith(service)]
        seconds, of_seconds, factor, peak = (float(row[i]) for i in (1, 2, 4, 5))
        assert factor == pytest.approx(seconds / of_seconds, rel=0.05, abs=0.005)
        assert 50 < peak < 1000
    assert is_stopped(started[0])


def test_the_demo_shows_the_log_of_a_service_that_fails_and_stops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[ServiceProcesses]
) -> None:
    monkeypatch.setattr("cli.demo.SERVICES", ["encoder"])
    monkeypatch.setenv("CHECKPOINTS_DIR", str(REPOSITORY / "docs"))

    result = CliRunner().invoke(better, ["demo", "--out", str(tmp_path / "speech.wav")])

    assert result.exit_code == 1
    assert "docs/encoder" in result.stderr
    assert "\nError: the encoder ended with exit code 3; its log says why\n" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert is_stopped(started[0])


def test_a_place_that_cannot_be_written_is_refused_before_anything_starts(
    tmp_path: Path, started: list[ServiceProcesses]
) -> None:
    result = CliRunner().invoke(better, ["demo", "--out", str(tmp_path / "speech.mid")])

    assert result.exit_code == 1
    assert "must end in" in result.stderr
    assert started == []


def test_the_table_divides_seconds_by_seconds_of_sound() -> None:
    stage = Stage("vocoder", seconds=3.0, of_seconds=6.0, peak_mib=200.4)

    _, row = table([stage])

    assert row.split() == ["vocoder", "3.00", "6.0", "s", "0.500", "200", "MiB"]
