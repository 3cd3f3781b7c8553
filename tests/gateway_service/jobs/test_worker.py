"""`work` in this process; tests/cli/test_worker.py runs the command, test_survival.py real jobs."""

import logging
from pathlib import Path

import pytest

from gateway_service.jobs import worker
from gateway_service.storage.engine import StorageMisconfigured
from shared.stop_signals import StopSignal
from tests.support.job_processes import RedisServer


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the logging of the test run as it is."""
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)


def test_worker_without_redis_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)

    with pytest.raises(StorageMisconfigured, match="REDIS_URL is not set"):
        worker.work(say=print)


def test_stop_signal_ends_the_worker_after_closing_its_queue(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if "Ready" in line:
            raise StopSignal(143)

    worker.work(say)

    assert lines == [
        f"DATABASE_URL is not set: using the jobs in {tmp_path}.",
        "Ready for jobs; press Ctrl-C to stop.",
    ]
