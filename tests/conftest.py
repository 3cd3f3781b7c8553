"""Fixtures that several test folders use."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from hypothesis import settings

from shared.http.tensors import Float32Array
from shared.services import SERVICES, all_apps, url_settings

REPOSITORY = Path(__file__).parents[1]
GOLDEN = REPOSITORY / "tests/golden"
START_SECONDS = 60
MIN_PORT, MAX_PORT = 20_000, 32_000
"""Below the ports of outgoing connections, which could take one before its server does."""

torch.set_num_threads(1)
settings.register_profile("fuzz", max_examples=5_000, deadline=None)  # of `make fuzz`


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of reference vectors, computed by RTVC's own code; see its NOTICE."""
    return GOLDEN


@pytest.fixture(scope="session")
def speech_samples() -> Path:
    """Folder of three clips of real speech, five seconds each."""
    return GOLDEN / "speech"


@pytest.fixture(scope="session")
def real_speech() -> Path:
    """LibriSpeech clips of many speakers, which no training has heard: dev/SPEAKER/*/*.flac."""
    folder = REPOSITORY / "../shared/real-speech"
    if not folder.is_dir():
        pytest.skip("real-speech: recordings that are not part of the repository")
    return folder


def free_port() -> int:
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of free ports in a row."""
    while True:
        first = MIN_PORT + secrets.randbelow(MAX_PORT - MIN_PORT)
        with suppress(OSError), ExitStack() as taken:
            for port in range(first, first + count):
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


def free_port_base() -> int:
    """A value of --port-base: the ports of all apps are free."""
    return free_ports(1 + max(app.port_offset for app in all_apps().values()))


@contextmanager
def running(service: str, **environment: str) -> Iterator[str]:
    """A service in a process of its own, as the Procfile starts it; gives its URL."""
    port = free_port()
    # On a busy machine a turn may come late; other tests cover that.
    own = {"SERVICE": service, "BIND_HOST": "127.0.0.1", "PORT": str(port), "QUEUE_SECONDS": "300"}
    env = {**os.environ, **own}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    with subprocess.Popen(command, cwd=REPOSITORY, env={**env, **environment}) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process)
            yield url
        finally:
            process.terminate()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/health/ready", timeout=START_SECONDS).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"not ready after {START_SECONDS} s; exit status {process.poll()}")


Service = Callable[[str], httpx.Client]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """service("encoder"): an HTTP client of that service, which is started when first asked for.

    service("gateway") is one over the three others, with a database of its own.
    """
    clients: dict[str, httpx.Client] = {}
    with ExitStack() as stack:

        def settings_of(name: str) -> dict[str, str]:
            if name != "gateway":
                return {}
            urls = {name: str(client_of(name).base_url) for name in SERVICES}
            return url_settings(urls) | {
                "DATA_DIR": str(tmp_path_factory.mktemp("data")),
                "DATABASE_URL": "",
            }

        def client_of(name: str) -> httpx.Client:
            if name not in clients:
                url = stack.enter_context(running(name, **settings_of(name)))
                clients[name] = stack.enter_context(httpx.Client(base_url=url, timeout=60))
            return clients[name]

        yield client_of


@pytest.fixture(scope="session")
def wavernn() -> Iterator[httpx.Client]:
    """The vocoder service that speaks with the bundled WaveRNN; `service("vocoder")` has Vocos."""
    with running("vocoder", VOCODER="wavernn") as url, httpx.Client(base_url=url, timeout=60) as it:
        yield it


@pytest.fixture(scope="session")
def mel() -> Float32Array:
    """[80, 40]: half a second of a mel spectrogram that rises and falls."""
    frames = np.linspace(0, np.pi, 40)
    bands = np.linspace(1, 0, 80)[:, None]
    spectrogram: Float32Array = (4 * np.sin(frames) * bands - 3).astype(np.float32)
    return spectrogram


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
