"""Starts real gunicorns, but of services that do nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.processes import (
    free_ports,
)
from shared.settings import REPOSITORY
from tests.client.fake_services import add_service, make_folder

# What `better serve` does, for another folder.
SERVE = """
import sys
from contextlib import suppress
from pathlib import Path
from client.processes import ServiceProcesses
from client.stop_signals import StopSignal, raise_on_stop_signals
raise_on_stop_signals()
ports = {"encoder": int(sys.argv[2]), "vocoder": int(sys.argv[3])}
with suppress(StopSignal), ServiceProcesses(ports, root=Path(sys.argv[1])) as services:
    print("started", flush=True)
    services.wait_until_ready()
    print("ready", flush=True)
    services.watch()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = make_folder(tmp_path / "repository")
    add_service(folder, "encoder")
    add_service(folder, "vocoder")
    return folder


@pytest.fixture
def ports() -> dict[str, int]:
    return free_ports(["encoder", "vocoder"])


def processes_of_session(session: int) -> list[str]:
    """Command lines; a process that has ended and waits to be collected is none."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "sess=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(session) and not row[1].startswith("Z")]


@contextlib.contextmanager
def serving(folder: Path, ports: dict[str, int]) -> Iterator[subprocess.Popen[str]]:
    numbers = map(str, ports.values())
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder), *numbers],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as serve:
        try:
            yield serve
        finally:
            serve.kill()
            for command in processes_of_session(serve.pid):
                pytest.fail(f"left behind: {command}")


def until(serve: subprocess.Popen[str], line: str) -> None:
    assert serve.stdout
    assert serve.stdout.readline() == f"{line}\n", serve.stderr and serve.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["started", "ready"])
def test_a_stop_signal_leaves_no_process(
    number: signal.Signals, moment: str, folder: Path, ports: dict[str, int]
) -> None:
    with serving(folder, ports) as serve:
        until(serve, "started")
        if moment == "ready":
            until(serve, "ready")
        serve.send_signal(number)
        _, log = serve.communicate(timeout=60)

        assert serve.returncode == 0, log
        assert processes_of_session(serve.pid) == []


def test_ctrl_c_that_reaches_the_whole_foreground_leaves_no_process(
    folder: Path, ports: dict[str, int]
) -> None:
    with serving(folder, ports) as serve:
        until(serve, "started")
        until(serve, "ready")
        os.killpg(serve.pid, signal.SIGINT)
        serve.communicate(timeout=60)

        assert serve.returncode == 0
        assert processes_of_session(serve.pid) == []


def test_a_second_signal_does_not_wait_for_requests(folder: Path, ports: dict[str, int]) -> None:
    add_service(folder, "synthesizer", at_request="import asyncio; await asyncio.sleep(600)")
    ports = {"encoder": ports["encoder"], "synthesizer": ports["vocoder"]}
    command = SERVE.replace("vocoder", "synthesizer")
    with subprocess.Popen(
        [sys.executable, "-c", command, str(folder), *map(str, ports.values())],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as serve:
        assert serve.stdout
        serve.stdout.readline()
        with socket.create_connection(("127.0.0.1", ports["synthesizer"])) as request:
            request.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
