import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cli import serve as serve_cli
from cli.main import better
from shared.services import all_apps, installed_apps
from shared.settings import REPOSITORY
from tests.cli.test_processes import processes
from tests.conftest import free_port_base

BETTER = [sys.executable, "-c", "from cli.main import main; main()"]


@pytest.fixture
def port_base() -> int:
    """The first of as many free ports as there are services."""
    return free_port_base()


@contextmanager
def session(*command: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """A command in a session of its own, of which nothing is left at the end."""
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, "TORCH_THREADS": "1"},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)


def test_all_services_run_until_ctrl_c(port_base: int) -> None:
    with session(*BETTER, "serve", "--port-base", str(port_base)) as serve:
        assert serve.stdout
        shown = dict(serve.stdout.readline().split() for _ in installed_apps(REPOSITORY))
        assert serve.stdout.readline() == "All services are ready. Press Ctrl-C to stop them.\n"
        assert f"GATEWAY_URL={shown['gateway']} " in serve.stdout.readline()
        for name, url in shown.items():
            assert url == f"http://127.0.0.1:{port_base + all_apps()[name].port_offset}"
            assert httpx.get(f"{url}/check").json() == "service available"
        os.killpg(serve.pid, signal.SIGINT)
        _, log = serve.communicate(timeout=60)
        assert processes("sess", serve.pid) == []

    assert list(shown) == installed_apps(REPOSITORY)
    assert serve.returncode == 0, log
    assert "Traceback" not in log


def test_a_group_that_is_signalled_with_make_leaves_no_process(port_base: int) -> None:
    """`make` passes SIGTERM on to the child that has had it already."""
    variables = [f"PORT_BASE={port_base}", f"BIN={Path(sys.executable).parent}"]
    command = ["make", "serve", *variables, "--assume-old=.venv/installed"]
    with session(*command, stderr=subprocess.DEVNULL) as serve:
        assert serve.stdout
        assert any("All services are ready" in line for line in serve.stdout)
        os.killpg(serve.pid, signal.SIGTERM)
        serve.communicate(timeout=60)
        assert processes("sess", serve.pid) == []


def test_a_port_in_use_is_one_line(port_base: int) -> None:
    with socket.create_server(("127.0.0.1", port_base + 2)):
        result = CliRunner().invoke(better, ["serve", "--port-base", str(port_base)])

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: port {port_base + 2} on 127.0.0.1, for the synthesizer, is taken; "
        "stop the other program, or choose another with --port-base\n"
    )


def test_a_service_that_cannot_start_ends_all_with_its_reason(
    port_base: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve_cli, "installed_apps", lambda root: ["encoder"])
    monkeypatch.setenv("CHECKPOINTS_DIR", str(REPOSITORY / "docs"))

    result = CliRunner().invoke(better, ["serve", "--port-base", str(port_base)])

    assert result.exit_code == 1
    assert result.stderr == "Error: the encoder ended with exit code 3; its log says why\n"
    assert "docs/encoder" in capfd.readouterr().err


# `better worker`


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("REDIS_URL", raising=False)
    return CliRunner()


def test_worker_without_redis_explains_that_the_gateway_runs_the_jobs(runner: CliRunner) -> None:
    result = runner.invoke(better, ["worker"])

    assert result.exit_code == 1
    assert "REDIS_URL is not set" in result.output


def test_worker_names_a_setting_that_is_wrong_without_its_password(runner: CliRunner) -> None:
    result = runner.invoke(better, ["worker"], env={"REDIS_URL": "http://:secret@host"})

    assert result.exit_code == 1
    assert "REDIS_URL: cannot be read" in result.output
    assert "secret" not in result.output


def test_worker_without_a_database_names_the_setting(runner: CliRunner) -> None:
    given = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgres://host/database"}
    result = runner.invoke(better, ["worker"], env=given)

    assert result.exit_code == 1
    assert "DATABASE_URL" in result.output
