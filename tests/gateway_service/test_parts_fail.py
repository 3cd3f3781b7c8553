"""Each service fails in each way while the gateway works: the answer names it, and once the service
is well again, all goes on without a restart."""

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

PARTS = [*SERVICES]
ATTEMPTS = 2  # of the speech server's chain
READ_SECONDS = 1.0
THROUGH_ALL = {"wav": [0.1] * 16_000, "sr": 16_000, "text": "Hello there.", "seed": 1}


@pytest.fixture(scope="module")
def server() -> Iterator[SpeechServer]:
    with speech_server(Settings(read_seconds=READ_SECONDS)) as server:
        yield server


@pytest.fixture
def part(
    request: pytest.FixtureRequest, server: SpeechServer, monkeypatch: pytest.MonkeyPatch
) -> StubService:
    """One that may be broken, in a chain that is well; `answer` is mended afterwards."""
    for name in PARTS:
        getattr(server.services, name).reset()
    service: StubService = getattr(server.services, request.param)
    monkeypatch.setattr(service, "answer", service.answer)
    return service


every_part = pytest.mark.parametrize("part", PARTS, indirect=True)


def speak(url: str, deadline: str | None = None) -> httpx.Response:
    headers = {"X-Request-Deadline": deadline} if deadline else {}
    return httpx.post(f"{url}/inference-c/", json=THROUGH_ALL, timeout=60, headers=headers)


def check_named(answer: httpx.Response, part: str, status: int) -> None:
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]["message"]
    assert f"the {part} " in message
    assert not any(f"the {other} " in message for other in PARTS if other != part)
    assert ("retry-after" in answer.headers) == (status == 503)


def name_of(part: StubService, server: SpeechServer) -> str:
    return next(name for name in PARTS if getattr(server.services, name) is part)


def rubbish(path: str, request: dict[str, Any]) -> Body:
    return iter([b"<html>", b"It works!" * 1000])


def other_json(path: str, request: dict[str, Any]) -> Body:
    return {"embed": [[1]], "spec": "loud", "wav": None}


def half(part: StubService) -> Callable[[str, dict[str, Any]], Body]:
    """What it would say, but the connection breaks before its end."""
    whole = part.answer

    def answer(path: str, request: dict[str, Any]) -> Body:
        said = whole(path, request)
        parts = iter([b'{"embed": [0.1, 0.']) if isinstance(said, dict) else said
        return broken_off(parts)

    return answer


def broken_off(parts: Iterator[bytes]) -> Iterator[bytes]:
    yield next(parts)
    raise Refused(Refusal(500))


@every_part
@pytest.mark.parametrize("answer", [rubbish, other_json])
def test_rubbish_is_answered_with_the_parts_name(
    server: SpeechServer, part: StubService, answer: Callable[[str, dict[str, Any]], Body]
) -> None:
    part.answer, well = answer, part.answer
    check_named(speak(server.url), name_of(part, server), 502)
    assert len(part.requests) == 1  # it would be rubbish again
    part.answer = well
    assert speak(server.url).status_code == 200


@every_part
def test_half_an_answer_is_asked_for_again_so_often_and_no_more(
    server: SpeechServer, part: StubService
) -> None:
    part.answer, well = half(part), part.answer
    check_named(speak(server.url), name_of(part, server), 503)
    assert len(part.requests) == ATTEMPTS
    part.answer = well
    assert speak(server.url).status_code == 200


@every_part
def test_one_half_answer_is_not_noticed(server: SpeechServer, part: StubService) -> None:
    expected = speak(server.url).content
    part.answer, well = half(part), part.answer

    def mend(path: str) -> None:
        if len(part.requests) == 3:  # one was before, one is half
            part.answer = well

    part.before = mend
    assert speak(server.url).content == expected


@every_part
def test_silence_is_waited_for_once_and_no_longer_than_was_set(
    server: SpeechServer, part: StubService
) -> None:
    let_go = threading.Event()
    part.before = lambda path: let_go.wait(60)
    check_named(speak(server.url), name_of(part, server), 504)
    assert len(part.requests) == 1  # it may be at it still
    let_go.set()
    assert speak(server.url).status_code == 200


@every_part
@pytest.mark.parametrize(("status", "answered"), [(500, 502), (503, 503), (504, 504)])
def test_errors_of_a_part_become_the_gateways(
    server: SpeechServer, part: StubService, status: int, answered: int
) -> None:
    part.refusal = Refusal(status)
    check_named(speak(server.url), name_of(part, server), answered)
    assert len(part.requests) == (ATTEMPTS if status == 503 else 1)
    part.refusal = None
    assert speak(server.url).status_code == 200


def test_deadline_shrinks_along_the_chain() -> None:
    """Each part is told how long its answer is waited for: less than the one before it was."""
    with speech_server(Settings(read_seconds=600)) as server:
        assert speak(server.url, deadline="300").status_code == 200
        told = [
            float(headers["X-Request-Deadline"])
            for name in PARTS
            for headers in getattr(server.services, name).headers
        ]
    assert len(told) == len(PARTS)
    assert 300 > told[0] > told[1] > told[2] > 0


def test_parts_are_told_the_usual_time_where_the_caller_says_none() -> None:
    with speech_server(Settings(read_seconds=600)) as server:
        assert speak(server.url).status_code == 200
        assert server.services.encoder.headers[0]["X-Request-Deadline"] == "600.000"


@pytest.mark.parametrize("name", PARTS)
def test_caller_in_a_hurry_is_answered_when_its_time_is_over(name: str) -> None:
    let_go = threading.Event()
    with speech_server(Settings(read_seconds=600)) as server:
        getattr(server.services, name).before = lambda path: let_go.wait(60)
        late = speak(server.url, deadline="0.4")
        check_named(late, name, 504)
        assert "when the seconds of X-Request-Deadline were over" in late.json()["error"]["message"]
        let_go.set()


class PartProcess:
    """A stub service that can be killed and stopped, always at the same port."""

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
def processes() -> Iterator[dict[str, PartProcess]]:
    parts = {name: PartProcess(name) for name in PARTS}
    yield parts
    for part in parts.values():
        part.kill()


@pytest.fixture(scope="module")
def gateway(
    processes: dict[str, PartProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    folder: Path = tmp_path_factory.mktemp("data")
    urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{p.port}" for name, p in processes.items()}
    own = {"DATA_DIR": str(folder), "DATABASE_URL": "", "READ_SECONDS": str(READ_SECONDS)}
    with GatewayProcess(**own, **urls, JOB_SWEEP_SECONDS="0.2") as gateway:
        yield gateway


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(("how", "status"), [("killed", 503), ("stopped", 504)])
def test_process_that_is_away_is_named_and_comes_back(
    gateway: GatewayProcess,
    processes: dict[str, PartProcess],
    name: str,
    how: str,
    status: int,
) -> None:
    url = str(gateway.http.base_url).rstrip("/")
    expected = speak(url).content  # connections are open, and stale from now on
    processes[name].break_down(how)
    check_named(speak(url), name, status)
    assert gateway.http.get("/health/ready").is_success  # other work may need no such part
    processes[name].recover(how)
    recovered = speak(url)
    assert (recovered.status_code, recovered.content) == (200, expected)


@pytest.mark.parametrize(("name", "how"), [("synthesizer", "stopped"), ("vocoder", "killed")])
def test_job_waits_for_a_part_that_is_away_and_goes_on(
    gateway: GatewayProcess, processes: dict[str, PartProcess], name: str, how: str
) -> None:
    processes[name].break_down(how)
    job_id = gateway.order("One is here. Two is there.")
    wait_until(lambda: gateway.job(job_id)["waiting_for"] is not None)
    assert name in gateway.job(job_id)["waiting_for"]
    processes[name].recover(how)
    assert gateway.wait_for(job_id)["state"] == "completed"
    assert len(gateway.audio(job_id)) > 1000
