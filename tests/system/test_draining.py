"""SIGTERM: requests in progress finish, new ones are rejected, and no process is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.conftest import REPOSITORY, free_port, wait_until_ready
from tests.support.stream_client import sound_of, stream_client
from tests.support.stub_services import StubServices

SPEECH = {"model": "tts-1", "input": "Hello there.", "voice": "ash", "response_format": "pcm"}


@contextmanager
def gateway(folder: Path, services: StubServices) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    own = {"SERVICE": "gateway", "BIND_HOST": "127.0.0.1", "PORT": str(port)}
    env = {**os.environ, **own, **services.environment, "DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, process_group=0) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def status_once_stopping(url: str) -> int:
    """Status of readiness, as soon as it is not 200."""
    while (answer := httpx.get(f"{url}/health/ready", timeout=30)).is_success:
        time.sleep(0.01)
    return answer.status_code


def hold_synthesizer(services: StubServices) -> tuple[threading.Event, threading.Event]:
    """held: set once a call has arrived. go_on: ends the wait of all calls."""
    held, go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        held.set()
        assert go_on.wait(60)

    services.synthesizer.before = wait
    return held, go_on


def test_requests_in_progress_finish_while_new_ones_are_rejected(tmp_path: Path) -> None:
    with (
        StubServices() as services,
        ThreadPoolExecutor(1) as pool,
        gateway(tmp_path, services) as (url, process),
    ):
        held, go_on = hold_synthesizer(services)
        speech = pool.submit(httpx.post, f"{url}/v1/audio/speech", json=SPEECH, timeout=60)
        assert held.wait(60)
        process.terminate()
        assert status_once_stopping(url) == 503
        refused = httpx.post(f"{url}/v1/audio/speech", json=SPEECH, timeout=30)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "not_ready"
        assert refused.headers["retry-after"] == "1"
        assert httpx.get(f"{url}/metrics", timeout=30).is_success
        go_on.set()
        answer = speech.result(60)
        assert answer.status_code == 200
        assert len(answer.content) > 1000
        assert process.wait(60) == 0
        assert not alive(process.pid)


@pytest.mark.parametrize("attempt", range(3))
def test_idle_app_stops_at_once(tmp_path: Path, attempt: int) -> None:
    with StubServices() as services, gateway(tmp_path, services) as (url, process):
        with httpx.Client() as client:
            assert client.get(f"{url}/health/live").is_success  # the connection stays open
            process.terminate()
            assert process.wait(60) == 0
        assert not alive(process.pid)


def test_utterance_in_progress_is_spoken_before_its_websocket_closes(tmp_path: Path) -> None:
    with (
        StubServices() as services,
        gateway(tmp_path, services) as (url, process),
        stream_client(url) as client,
        stream_client(url) as idle,
    ):
        held, go_on = hold_synthesizer(services)
        client.configure(voice="ash")
        client.say("Hello there.")
        client.send("input.done")
        assert held.wait(60)
        process.terminate()
        assert status_once_stopping(url) == 503
        idle.configure(voice="ash")
        assert idle.speak("Hello.")[0]["error"]["code"] == "not_ready"  # type: ignore[call-overload]
        go_on.set()
        assert sound_of(client.until("session.done"))
        assert process.wait(60) == 0
        for each in (client, idle):
            with pytest.raises(ConnectionClosed):
                each.receive()
            assert each.connection.close_code == 1012
