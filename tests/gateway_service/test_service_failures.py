"""Failures of each service: the gateway's error names it, and recovery needs no restart."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway_service.settings import Settings
from shared.services import SERVICES
from tests.conftest import REPOSITORY, free_port
from tests.support.job_fixtures import wait_until
from tests.support.job_processes import GatewayProcess
from tests.support.speech_fixtures import SpeechServer, speech_server
from tests.support.stub_services import Body, Refusal, Refused, StubService

SERVICE_NAMES = [*SERVICES]
ATTEMPTS = 2  # the speech server's RetryPolicy
READ_SECONDS = 1.0
REQUEST = {"wav": [0.1] * 16_000, "sr": 16_000, "text": "Hello there.", "seed": 1}


@pytest.fixture(scope="module")
def server() -> Iterator[SpeechServer]:
    with speech_server(Settings(read_seconds=READ_SECONDS)) as server:
        yield server


@pytest.fixture
def service(
    request: pytest.FixtureRequest, server: SpeechServer, monkeypatch: pytest.MonkeyPatch
) -> StubService:
    """A service that the test may break. Its `answer` is restored afterwards."""
    for name in SERVICE_NAMES:
        getattr(server.services, name).reset()
    broken: StubService = getattr(server.services, request.param)
    monkeypatch.setattr(broken, "answer", broken.answer)
    return broken


each_service = pytest.mark.parametrize("service", SERVICE_NAMES, indirect=True)


def speak(url: str, deadline: str | None = None) -> httpx.Response:
    headers = {"X-Request-Deadline": deadline} if deadline else {}
    return httpx.post(f"{url}/inference-c/", json=REQUEST, timeout=60, headers=headers)


def check_named(answer: httpx.Response, service: str, status: int) -> None:
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]["message"]
    assert f"the {service} " in message
    assert not any(f"the {other} " in message for other in SERVICE_NAMES if other != service)
    assert ("retry-after" in answer.headers) == (status == 503)


def name_of(service: StubService, server: SpeechServer) -> str:
    return next(name for name in SERVICE_NAMES if getattr(server.services, name) is service)


def garbage(path: str, request: dict[str, Any]) -> Body:
    return iter([b"<html>", b"It works!" * 1000])


def wrong_json(path: str, request: dict[str, Any]) -> Body:
    return {"embed": [[1]], "spec": "loud", "wav": None}


def truncated(service: StubService) -> Callable[[str, dict[str, Any]], Body]:
    """The service's response, with a connection that breaks before its end."""
    whole = service.answer

    def answer(path: str, request: dict[str, Any]) -> Body:
        said = whole(path, request)
        chunks = iter([b'{"embed": [0.1, 0.']) if isinstance(said, dict) else said
        return broken_off(chunks)

    return answer


def broken_off(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks)
    raise Refused(Refusal(500))


@each_service
@pytest.mark.parametrize("answer", [garbage, wrong_json])
def test_invalid_response_is_a_502_that_names_the_service(
    server: SpeechServer, service: StubService, answer: Callable[[str, dict[str, Any]], Body]
) -> None:
    service.answer, original = answer, service.answer
    check_named(speak(server.url), name_of(service, server), 502)
    assert len(service.requests) == 1  # a retry would return the same
    service.answer = original
    assert speak(server.url).status_code == 200


@each_service
def test_truncated_response_is_retried_up_to_the_limit(
    server: SpeechServer, service: StubService
) -> None:
    service.answer, original = truncated(service), service.answer
    check_named(speak(server.url), name_of(service, server), 503)
    assert len(service.requests) == ATTEMPTS
    service.answer = original
    assert speak(server.url).status_code == 200


@each_service
def test_one_truncated_response_does_not_change_the_result(
    server: SpeechServer, service: StubService
) -> None:
    expected = speak(server.url).content
    service.answer, original = truncated(service), service.answer

    def restore(path: str) -> None:
        if len(service.requests) == 3:  # `expected` was the first, the truncated one the second
            service.answer = original

    service.before = restore
    assert speak(server.url).content == expected


@each_service
def test_unresponsive_service_is_a_504_without_a_retry(
    server: SpeechServer, service: StubService
) -> None:
    released = threading.Event()
    service.before = lambda path: released.wait(60)
    check_named(speak(server.url), name_of(service, server), 504)
    assert len(service.requests) == 1  # it may still be working
    released.set()
    assert speak(server.url).status_code == 200


@each_service
@pytest.mark.parametrize(("status", "answered"), [(500, 502), (503, 503), (504, 504)])
def test_error_of_a_service_becomes_an_error_of_the_gateway(
    server: SpeechServer, service: StubService, status: int, answered: int
) -> None:
    service.refusal = Refusal(status)
    check_named(speak(server.url), name_of(service, server), answered)
    assert len(service.requests) == (ATTEMPTS if status == 503 else 1)
    service.refusal = None
    assert speak(server.url).status_code == 200


def test_deadline_shrinks_along_the_chain() -> None:
    """Each service is sent the remaining time, which is less than the previous one had."""
    with speech_server(Settings(read_seconds=600)) as server:
        assert speak(server.url, deadline="300").status_code == 200
        sent = [
            float(headers["X-Request-Deadline"])
            for name in SERVICE_NAMES
            for headers in getattr(server.services, name).headers
        ]
    assert len(sent) == len(SERVICE_NAMES)
    assert 300 > sent[0] > sent[1] > sent[2] > 0


def test_services_are_sent_the_default_deadline() -> None:
    with speech_server(Settings(read_seconds=600)) as server:
        assert speak(server.url).status_code == 200
        assert server.services.encoder.headers[0]["X-Request-Deadline"] == "600.000"


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_short_deadline_of_the_caller_is_kept(name: str) -> None:
    released = threading.Event()
    with speech_server(Settings(read_seconds=600)) as server:
        getattr(server.services, name).before = lambda path: released.wait(60)
        late = speak(server.url, deadline="0.4")
        check_named(late, name, 504)
        assert "when the seconds of X-Request-Deadline were over" in late.json()["error"]["message"]
        released.set()


class ServiceProcess:
    """A stub service in a process that can be killed or stopped, always on the same port."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.stub_services"]
        self._process = subprocess.Popen([*command, self.name, str(self.port)], cwd=REPOSITORY)
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/health/ready").is_success
        return False

    def break_down(self, how: str) -> None:
        self._process.send_signal(signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
        if how == "killed":
            self._process.wait()

    def recover(self, how: str) -> None:
        if how == "stopped":
            self._process.send_signal(signal.SIGCONT)
        else:
            self.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, ServiceProcess]]:
    started = {name: ServiceProcess(name) for name in SERVICE_NAMES}
    yield started
    for process in started.values():
        process.kill()


@pytest.fixture(scope="module")
def gateway(
    processes: dict[str, ServiceProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    folder: Path = tmp_path_factory.mktemp("data")
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{p.port}" for name, p in processes.items()}
    own = {"DATA_DIR": str(folder), "DATABASE_URL": "", "READ_SECONDS": str(READ_SECONDS)}
    with GatewayProcess(**own, **urls, JOB_SWEEP_SECONDS="0.2") as gateway:
        yield gateway


@pytest.mark.parametrize("name", SERVICE_NAMES)
@pytest.mark.parametrize(("how", "status"), [("killed", 503), ("stopped", 504)])
def test_killed_or_stopped_process_is_named_and_recovers(
    gateway: GatewayProcess,
    processes: dict[str, ServiceProcess],
    name: str,
    how: str,
    status: int,
) -> None:
    url = str(gateway.http.base_url).rstrip("/")
    expected = speak(url).content  # leaves open connections, which become stale
    processes[name].break_down(how)
    check_named(speak(url), name, status)
    assert gateway.http.get("/health/ready").is_success  # other work may not need the service
    processes[name].recover(how)
    recovered = speak(url)
    assert (recovered.status_code, recovered.content) == (200, expected)


@pytest.mark.parametrize(("name", "how"), [("synthesizer", "stopped"), ("vocoder", "killed")])
def test_job_waits_for_a_killed_or_stopped_service(
    gateway: GatewayProcess, processes: dict[str, ServiceProcess], name: str, how: str
) -> None:
    processes[name].break_down(how)
    job_id = gateway.create_job("One is here. Two is there.")
    wait_until(lambda: gateway.job(job_id)["waiting_for"] is not None)
    assert name in gateway.job(job_id)["waiting_for"]
    processes[name].recover(how)
    assert gateway.wait_for(job_id)["state"] == "completed"
    assert len(gateway.audio(job_id)) > 1000
