"""Quotas: one caller's requests leave room for others."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from gateway_service.access.api_keys import ApiKeys
from gateway_service.access.middleware import Access
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.store import Jobs
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage
from shared.http.app import create_app
from shared.http.errors import QueueFull
from shared.http.fair_queue import caller
from shared.settings import AppSettings
from tests.support.job_fixtures import claim, finish, job_spec, wait_until
from tests.support.speech_fixtures import SpeechServer, speech_server

BUSY, LIGHT = "key-of-the-busy-caller", "key-of-the-light-caller"
CLIENTS, SHORT_REQUESTS = 20, 24


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    settings = Settings(api_keys=SecretStr(f"{BUSY},{LIGHT}"))
    with speech_server(settings) as server:
        yield server


def say(server: SpeechServer, key: str, text: str) -> int:
    body = {"input": text, "voice": "low", "response_format": "pcm"}
    headers = {"authorization": f"Bearer {key}"}
    url = f"{server.url}/v1/audio/speech"
    return httpx.post(url, json=body, headers=headers, timeout=60).status_code


def test_one_key_does_not_starve_another(server: SpeechServer) -> None:
    released = threading.Event()
    synthesizer = server.services.synthesizer
    respond = synthesizer.answer

    def hold(path: str, request: dict[str, Any]) -> Any:
        if "long" in request.get("text", ""):
            assert released.wait(60)
        return respond(path, request)

    synthesizer.answer = hold
    with ThreadPoolExecutor(CLIENTS) as many, ThreadPoolExecutor(2) as few:
        busy = [many.submit(say, server, BUSY, "A long text.") for _ in range(CLIENTS)]
        wait_until(lambda: len([request for request in busy if request.done()]) >= CLIENTS // 2)
        light = [*few.map(lambda _: say(server, LIGHT, "Hi."), range(SHORT_REQUESTS))]
        released.set()
    assert light == [200] * SHORT_REQUESTS
    # Half of the queue; no admitted request is rejected later.
    assert sorted(request.result() for request in busy) == [200] * 10 + [429] * 10


def test_one_caller_is_limited_to_its_share_of_jobs(storage: Storage) -> None:
    jobs = Jobs(storage, max_waiting=4, retention_days=1, caller_share=0.5)
    made = [jobs.create(job_spec(caller="a")) for _ in range(2)]
    with pytest.raises(QueueFull, match=r"2 of your jobs .* limit for one caller is 2 of 4"):
        jobs.create(job_spec(caller="a"))
    jobs.create(job_spec(caller="b"))

    jobs.cancel(made[0].id)

    jobs.create(job_spec(caller="a"))


def test_workers_serve_callers_round_robin(jobs: Jobs, leases: Leases) -> None:
    for name in ("a", "a", "a", "b", "b", "c"):
        jobs.create(job_spec(caller=name))

    taken = [claim(leases).caller for _ in range(6)]

    assert [sorted(taken[:3]), sorted(taken[3:5]), taken[5]] == [["a", "b", "c"], ["a", "b"], "a"]


def test_anonymous_callers_share_the_round_robin(jobs: Jobs, leases: Leases) -> None:
    for name in ("", "", "a", "a"):
        jobs.create(job_spec(caller=name))

    taken = [claim(leases).caller for _ in range(4)]

    assert [sorted(taken[:2]), sorted(taken[2:])] == [["", "a"], ["", "a"]]


def test_repeated_short_jobs_do_not_delay_a_long_job(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec(caller="long"))
    for _ in range(2):
        jobs.create(job_spec(caller="short"))
    served = []
    for _ in range(6):
        job = claim(leases)
        served.append(job.caller)
        if job.caller == "long":
            leases.release(job)
        else:
            leases.fail(job, "code", "it failed")
            jobs.create(job_spec(caller="short"))
    assert served.count("long") == 3


def test_finished_job_does_not_reveal_its_caller(jobs: Jobs, leases: Leases) -> None:
    jobs.create(job_spec(caller="a"))
    jobs.create(job_spec(caller="a"))
    finished = finish(leases)
    cancelled = claim(leases)
    jobs.cancel(cancelled.id)
    assert [jobs.find(job.id).caller for job in (finished, cancelled)] == ["", ""]


@pytest.mark.parametrize(
    ("keys", "client", "expected"),
    [
        ([], "192.0.2.1", "192.0.2.1"),
        ([], "127.0.0.1", ""),
        ([], "::1", ""),
        (["secret"], "127.0.0.1", "2bb80d537b1da3e3"),
    ],
)
def test_caller_is_a_key_fingerprint_or_an_address(
    keys: list[str], client: str, expected: str
) -> None:
    access = Middleware(Access, keys=ApiKeys(keys))
    app = create_app("gateway", "", AppSettings(), load=lambda: None, middleware=[access])

    @app.get("/caller")
    async def read_caller() -> str:
        return caller.get()

    headers = {"authorization": "Bearer secret", "host": "localhost"}
    with TestClient(app, client=(client, 1234)) as http:
        assert http.get("/caller", headers=headers).json() == expected


def test_single_key_has_the_whole_quota() -> None:
    assert Settings(api_keys=SecretStr("one")).caller_share == 1
    assert Settings(api_keys=SecretStr("one,two")).caller_share == 0.5
    assert Settings(max_caller_share=0.25).caller_share == 0.25
