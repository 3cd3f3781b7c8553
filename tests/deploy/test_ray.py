"""The apps on a real Ray on this machine: `pytest -m cluster`, with the extra `cluster`."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from cli.cluster import HOST, running_cluster
from client.chain import Chain
from shared.services import SERVICES
from shared.voices import DEFAULT_VOICE, sample_path
from tests.conftest import free_port

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        find_spec("ray") is None,
        reason="ray is not installed: pip install 'better-api[cluster]'",
    ),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gateway on Ray Serve; the services are below it."""
    port = free_port()
    settings = {
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "API_KEYS": "",
        "QUEUE_SECONDS": "300",  # on a busy machine a turn may come late
    }
    with running_cluster(port, free_port(), 2, settings):
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120) as client:
        yield client


@pytest.fixture
def chain(url: str) -> Iterator[Chain]:
    with Chain(*(f"{url}/{name}" for name in SERVICES)) as chain:
        yield chain


def test_every_app_is_ready_under_its_prefix(http: httpx.Client) -> None:
    for prefix in ["", *(f"/{name}" for name in SERVICES)]:
        assert http.get(f"{prefix}/health/ready").json() == {"status": "ready"}
        assert "queue_length" in http.get(f"{prefix}/metrics").text


def test_page_and_docs_of_a_service_know_its_prefix(http: httpx.Client, url: str) -> None:
    assert f"{url}/vocoder/" in http.get("/vocoder/").text
    docs = http.get("/vocoder/docs").text
    assert "/vocoder/openapi.json" in docs
    assert http.get("/vocoder/static-docs/swagger-ui.css").status_code == 200


def test_example_of_every_service_is_answered(http: httpx.Client) -> None:
    for name in SERVICES:
        body = http.get(f"/{name}/example.json").json()
        answer = http.post(f"/{name}/inference", json=body)  # without the trailing slash
        assert answer.status_code == 200, answer.text


def test_chain_clones_a_voice(chain: Chain) -> None:
    embed = chain.embed(sample_path(DEFAULT_VOICE))
    wav = np.concatenate(list(chain.vocode(chain.spectrogram("Good morning.", embed, 1), 1)))
    assert 0.3 * 16_000 < len(wav) < 5 * 16_000
    assert np.abs(wav).max() > 0.05


def test_openai_client_gets_speech(url: str, tmp_path: Path) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        speech = client.audio.speech.create(
            model="tts-1", voice="ash", input="Good morning.", response_format="wav"
        )
    assert speech.content[:4] == b"RIFF"
    assert len(speech.content) > 20_000


def test_speech_is_sent_sentence_by_sentence(http: httpx.Client) -> None:
    body = {"input": "Good morning. How are you? It is late.", "stream_format": "sse"}
    with http.stream("POST", "/v1/audio/speech", json=body | {"voice": "ash"}) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [event["type"] for event in events][-1] == "speech.audio.done"
    sound = [base64.b64decode(event["audio"]) for event in events if "audio" in event]
    assert len(sound) >= 3


def test_request_id_is_passed_on_and_appears_once(http: httpx.Client) -> None:
    answer = http.get("/encoder/health/live", headers={"X-Request-ID": "mine-1"})
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    assert len(http.get("/health/live").headers.get_list("x-request-id")) == 1


def test_errors_have_our_form(http: httpx.Client) -> None:
    for path in ["/nowhere", "/encoder/nowhere"]:
        assert http.get(path).json()["error"]["code"] == "not_found"
    refused = http.post("/synthesizer/inference/", json={"text": 1})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"]


def pids_of(name: str) -> list[int]:
    """Processes of a deployment's replicas on this machine."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [
        int(line.split()[0])
        for line in listed.stdout.splitlines()
        if f"ServeReplica:{name}:" in line
    ]


def test_killed_replica_costs_no_answer_of_the_gateway(http: httpx.Client) -> None:
    (pid,) = pids_of("synthesizer")

    def speak(number: int) -> Any:
        body = {"input": f"This is number {number}.", "voice": "ash", "response_format": "wav"}
        return http.post("/v1/audio/speech", json=body)

    with ThreadPoolExecutor(3) as pool:
        answers = pool.map(speak, range(6))
        os.kill(pid, signal.SIGKILL)
        statuses = [answer.status_code for answer in answers]
    assert statuses == [200] * 6  # the gateway sends again what was at the dead replica
    deadline = time.monotonic() + 120
    while not http.get("/synthesizer/health/ready").is_success:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert speak(7).status_code == 200
    assert pid not in pids_of("synthesizer")
