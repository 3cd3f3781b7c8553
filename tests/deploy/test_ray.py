"""The apps on a real Ray of two nodes: `pytest -m cluster`, with the extra `cluster`."""

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

from client.chain import Chain
from shared.services import SERVICES
from shared.voices import DEFAULT_VOICE, sample_embeds, sample_path
from tests.cli.test_end_to_end import (
    _running_services,
    test_a_saved_voice_speaks_as_its_clip_does,
    test_a_seed_makes_a_preset_say_the_same_twice,
    test_an_error_of_a_service_is_its_own_words,
    test_an_error_of_the_gateway_is_its_own_words,
    test_unspeakable_text_is_refused_by_the_synthesizer,
)
from tests.support.leaving_clients import Leaver
from tests.support.ray_nodes import NEEDS_RAY, SECOND, Nodes, wait_until

__all__ = [  # the chain's own end-to-end tests, here with Ray
    "_running_services",
    "test_a_saved_voice_speaks_as_its_clip_does",
    "test_a_seed_makes_a_preset_say_the_same_twice",
    "test_an_error_of_a_service_is_its_own_words",
    "test_an_error_of_the_gateway_is_its_own_words",
    "test_unspeakable_text_is_refused_by_the_synthesizer",
]
pytestmark = [pytest.mark.cluster, NEEDS_RAY]


@pytest.fixture
def url(nodes: Nodes) -> str:
    """The gateway on Ray Serve; the services are below it."""
    return nodes.url


@pytest.fixture
def chain(url: str) -> Iterator[Chain]:
    with Chain(*(f"{url}/{name}" for name in SERVICES)) as chain:
        yield chain


def test_replicas_are_on_both_nodes(nodes: Nodes) -> None:
    for name in ("vocoder", "gateway", "worker"):
        assert len(nodes.replicas(name, SECOND)) == 1
        assert len(nodes.replicas(name)) == 2


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


def test_full_queue_of_the_proxy_is_our_429(http: httpx.Client, url: str) -> None:
    body = http.get("/encoder/example.json").json()

    def embed(number: int) -> httpx.Response:
        return httpx.post(f"{url}/encoder/inference/", json=body, timeout=120)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(embed, range(48)))
    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"]["code"] == "queue_full"
    right = [np.array(answer.json()["embed"]) for answer in answers if answer.is_success]
    np.testing.assert_array_equal(right, [right[0]] * len(right))


def test_leaving_client_ends_the_work_at_the_replica(http: httpx.Client, nodes: Nodes) -> None:
    def answered() -> float:
        metrics = http.get("/synthesizer/metrics").text
        pattern = r'http_requests_total\{method="POST",route="/inference/",status="200"\} (\S+)'
        return sum(map(float, re.findall(pattern, metrics)))

    def waiting() -> float:
        (length,) = re.findall(r"^queue_length (\S+)", http.get("/synthesizer/metrics").text, re.M)
        return float(length)

    nodes.wait_for_replicas("synthesizer", 1)
    before = answered()
    embeds = np.stack([sample_embeds()[DEFAULT_VOICE]] * 16).tolist()
    minutes = {"chars": [[20] * 1_000] * 16, "batched_embeds": embeds, "seed": 1}
    leavers = [
        Leaver(nodes.url, "/synthesizer/inference/", json.dumps(minutes).encode()) for _ in range(2)
    ]
    wait_until(lambda: waiting() == 1)
    for leaver in leavers:
        leaver.leave()
    body = http.get("/synthesizer/example.json").json()
    assert http.post("/synthesizer/inference/", json=body).status_code == 200
    assert answered() == before + 1


def test_node_exports_metrics_of_ray_beside_ours(nodes: Nodes) -> None:
    def are_exported() -> bool:
        urls = [
            f"http://{raylet['nodeManagerAddress']}:{raylet['metricsExportPort']}/metrics"
            for raylet in nodes.ray.api.nodes()
        ]
        return len(urls) == 2 and all("ray_serve_" in httpx.get(url).text for url in urls)

    wait_until(are_exported)
