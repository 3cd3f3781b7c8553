"""Starts real gunicorns, but of services that do nothing."""

import ast
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.processes import (
    PortTaken,
    ProcessError,
    ServiceDied,
    ServiceNotReady,
    ServiceProcesses,
    free_ports,
)
from shared.settings import REPOSITORY
from shared.stop_signals import STOP_SIGNALS, StopSignal, raise_on_stop_signals
from tests.support.fake_services import NO_MODEL, make_folder, write_service

# `better serve` for another folder.
SERVE = """
import sys
from contextlib import suppress
from pathlib import Path
from cli.processes import ServiceProcesses
from shared.stop_signals import StopSignal, raise_on_stop_signals
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
    for name in ["encoder", "vocoder"]:
        write_service(folder, name)
    return folder


@pytest.fixture
def ports() -> dict[str, int]:
    return free_ports(["encoder", "vocoder"])


def processes(column: str, number: int) -> list[str]:
    """Command lines by session (sess) or group (pgid). One that has ended and only waits to be
    collected by the system is none."""
    listing = subprocess.run(
        ["ps", "-A", "-o", f"{column}=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(number) and not row[1].startswith("Z")]


def until_gone(column: str, number: int) -> None:
    """Wait for killed processes to disappear; fails if one stays."""
    deadline = time.monotonic() + 10
    while left := processes(column, number):
        assert time.monotonic() < deadline, left


LIMIT_SECONDS = 120  # of one `serve`; its pipes end with it, so that no reading waits longer


@contextmanager
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
        kill = ["pkill", "-KILL", "-s", str(serve.pid)]
        limit = threading.Timer(LIMIT_SECONDS, subprocess.run, [kill])
        limit.start()
        try:
            yield serve
        finally:  # nothing is left after a failure either
            limit.cancel()
            subprocess.run(kill, check=False)


def until(serve: subprocess.Popen[str], line: str) -> None:
    assert serve.stdout
    assert serve.stdout.readline() == f"{line}\n", serve.stderr and serve.stderr.read()


@pytest.mark.parametrize(
    ("moment", "number"),
    [("started", signal.SIGTERM), ("ready", signal.SIGTERM), ("ready", signal.SIGINT)],
)
def test_a_stop_signal_leaves_no_process(
    moment: str, number: signal.Signals, folder: Path, ports: dict[str, int]
) -> None:
    with serving(folder, ports) as serve:
        until(serve, "started")
        if moment == "ready":
            until(serve, "ready")
        serve.send_signal(number)
        _, log = serve.communicate(timeout=60)

        assert serve.returncode == 0, log
        assert processes("sess", serve.pid) == []
        if moment == "ready":
            assert log.count("Shutting down: Master") == 2  # in good order, not killed


def test_a_later_signal_does_not_wait_for_requests(folder: Path, ports: dict[str, int]) -> None:
    with serving(folder, ports) as serve:
        until(serve, "started")
        until(serve, "ready")
        with socket.create_connection(("127.0.0.1", ports["encoder"])) as request:
            request.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
            until(serve, "asked")
            signals = 0
            while serve.poll() is None and signals < 100:  # a request under way may take 25 s
                serve.send_signal(signal.SIGTERM)
                signals += 1
                time.sleep(0.1)
            serve.communicate(timeout=20)

        assert signals < 100
        assert serve.returncode in (0, -signal.SIGTERM)  # the last may arrive at its very end
        assert processes("sess", serve.pid) == []


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_interrupt_the_stopping(
    second: signal.Signals, folder: Path, ports: dict[str, int]
) -> None:
    class SignalledAgain(ServiceProcesses):
        def __exit__(self, *error: Any) -> None:
            signal.raise_signal(second)
            super().__exit__(*error)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    raise_on_stop_signals()
    services = SignalledAgain({"encoder": ports["encoder"]}, root=folder, log=subprocess.DEVNULL)
    try:
        with pytest.raises(StopSignal), services:
            signal.raise_signal(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        left = processes("pgid", services.groups["encoder"])
        for group in services.groups.values() if left else ():
            os.killpg(group, signal.SIGKILL)
    assert left == []


def test_signals_in_quick_succession_stop_in_good_order(
    folder: Path, ports: dict[str, int]
) -> None:
    """As a process group gets them from a supervisor and from `make`."""
    with serving(folder, ports) as serve:
        until(serve, "started")
        until(serve, "ready")
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT) * 100:
            os.killpg(serve.pid, number)
        _, log = serve.communicate(timeout=60)

        assert processes("sess", serve.pid) == []
        assert log.count("Shutting down: Master") == 2  # not killed


def test_one_that_fails_to_start_stops_the_others_and_says_why(
    folder: Path, ports: dict[str, int]
) -> None:
    write_service(folder, "vocoder", at_start=NO_MODEL)

    with serving(folder, ports) as serve:
        _, log = serve.communicate(timeout=60)

        assert serve.returncode != 0
        assert "weights are missing" in log
        assert "ServiceDied: the vocoder ended with exit code 3" in log
        assert processes("sess", serve.pid) == []


def test_one_that_dies_later_stops_the_others(folder: Path, ports: dict[str, int]) -> None:
    with ServiceProcesses(ports, root=folder, log=subprocess.DEVNULL) as services:
        services.wait_until_ready()
        os.kill(services.groups["encoder"], signal.SIGKILL)
        with pytest.raises(ServiceDied, match="the encoder was killed"):
            services.watch()
        groups = services.groups.values()

    for group in groups:  # the worker of the killed gunicorn is gone too
        until_gone("pgid", group)


def test_services_get_their_name_port_and_the_addresses_of_all(
    folder: Path, ports: dict[str, int]
) -> None:
    with ServiceProcesses(ports, root=folder, log=subprocess.DEVNULL) as services:
        services.wait_until_ready()
        environment = ast.literal_eval(httpx.get(services.urls["vocoder"]).text)

    assert environment["SERVICE"] == "vocoder"
    assert environment["PORT"] == str(ports["vocoder"])
    assert environment["ENCODER_URL"] == services.urls["encoder"]
    assert environment["VOCODER_URL"] == services.urls["vocoder"]


def test_a_port_in_use_is_named_before_anything_starts(folder: Path, ports: dict[str, int]) -> None:
    services = ServiceProcesses(ports, root=folder)
    with (
        socket.create_server(("127.0.0.1", ports["vocoder"])),
        pytest.raises(PortTaken, match=f"port {ports['vocoder']} .* for the vocoder, is taken"),
        services,
    ):
        pass

    assert services.groups == {}


def test_an_address_that_is_not_of_this_machine_is_named(folder: Path) -> None:
    services = ServiceProcesses({"encoder": 8001}, host="192.0.2.1", root=folder)
    with (
        pytest.raises(PortTaken, match=r"port 8001 on 192\.0\.2\.1, .* cannot be used: "),
        services,
    ):
        pass


def test_one_that_never_gets_ready_is_named(folder: Path, ports: dict[str, int]) -> None:
    log = subprocess.DEVNULL
    with (
        ServiceProcesses(ports, root=folder, log=log) as services,
        pytest.raises(ServiceNotReady, match="the encoder was not ready in 0 s"),
    ):
        services.wait_until_ready(0)


def test_a_folder_without_a_web_line_is_refused(tmp_path: Path, ports: dict[str, int]) -> None:
    (tmp_path / "Procfile").write_text("worker: sleep 1\n")

    with (
        pytest.raises(ProcessError, match="no line for web"),
        ServiceProcesses(ports, root=tmp_path),
    ):
        pass


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert ServiceProcesses({"encoder": 8001}, "::1").urls == {"encoder": "http://[::1]:8001"}
    assert ServiceProcesses({"encoder": 1}, "0.0.0.0").urls == {"encoder": "http://127.0.0.1:1"}
