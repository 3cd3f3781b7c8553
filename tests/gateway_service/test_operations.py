"""Operations of a gateway: request IDs, logs and metrics."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from tests.conftest import running
from tests.support.job_fixtures import wait_until
from tests.support.stub_services import Refusal, StubServices

TEXT = "Nobody but us should read this. Nor this."


@pytest.fixture(scope="module")
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@contextmanager
def real_gateway(
    services: StubServices, database_url: str, data_dir: Path
) -> Iterator[httpx.Client]:
    settings = {"API_KEYS": "sk-one", "DATABASE_URL": database_url, "DATA_DIR": str(data_dir)}
    headers = {"Authorization": "Bearer sk-one"}
    with (
        running("gateway", **services.environment, **settings) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def gateway(
    services: StubServices,
    database_url_of_module: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    data_dir = tmp_path_factory.mktemp("data")
    with real_gateway(services, database_url_of_module, data_dir) as client:
        yield client


def speak(gateway: httpx.Client, request_id: str) -> httpx.Response:
    body = {"model": "tts-1", "voice": "ash", "input": TEXT}
    return gateway.post("/v1/audio/speech", json=body, headers={"X-Request-ID": request_id})


def ids(services: StubServices) -> set[str | None]:
    """The request IDs that the services received."""
    sent = [*services.encoder.headers, *services.synthesizer.headers, *services.vocoder.headers]
    return {headers.get("X-Request-ID") for headers in sent}


def reset(services: StubServices) -> None:
    for service in (services.encoder, services.synthesizer, services.vocoder):
        service.reset()


def test_request_id_is_passed_on_to_the_services(
    gateway: httpx.Client, services: StubServices
) -> None:
    reset(services)
    response = speak(gateway, "request-1").raise_for_status()
    assert response.headers["x-request-id"] == "request-1"
    assert len(services.synthesizer.requests) == len(services.vocoder.requests) == 2
    assert ids(services) == {"request-1"}


def test_log_contains_requests_but_neither_texts_nor_keys(
    services: StubServices, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reset(services)
    with real_gateway(services, "", tmp_path) as gateway:
        size = len(speak(gateway, "request-2").content)
        services.vocoder.refusal = Refusal(500)
        assert speak(gateway, "request-3").status_code == 502
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    text = json.dumps(logged)
    assert "sk-one" not in text
    assert "Nobody" not in text
    (spoken,) = [line for line in logged if line.get("request_id") == "request-2"]
    wanted = {"service": "gateway", "method": "POST", "route": "/v1/audio/speech", "status": 200}
    assert wanted.items() <= spoken.items()
    assert spoken["bytes"] == size
    assert spoken["seconds"] > 0
    failed = [line for line in logged if line.get("request_id") == "request-3"]
    assert any("vocoder" in line["message"] for line in failed)
    assert any(line.get("status") == 502 for line in failed)


def test_openai_client_reports_the_request_id(
    gateway: httpx.Client, services: StubServices
) -> None:
    reset(services)
    with (
        openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key="sk-one") as client,
        pytest.raises(openai.NotFoundError) as refused,
    ):
        client.audio.speech.create(model="tts-1", voice="nobody", input="Hi.")
    assert re.fullmatch("req_[0-9a-f]{32}", refused.value.request_id or "")


def test_job_id_is_the_request_id_of_its_calls(
    gateway: httpx.Client, services: StubServices
) -> None:
    reset(services)
    body = {"voice": "ash", "input": TEXT}
    job = gateway.post("/v1/jobs", json=body).raise_for_status().json()["id"]
    wait_until(lambda: gateway.get(f"/v1/jobs/{job}").json()["state"] == "completed")
    assert ids(services) == {job}


def test_metrics_count_service_calls_and_jobs(
    gateway: httpx.Client, services: StubServices
) -> None:
    reset(services)
    services.vocoder.refusal = Refusal(500)
    speak(gateway, "request-4")
    metrics = gateway.get("/metrics").text

    def value(name: str) -> float:
        return float(re.findall(rf"^{re.escape(name)} (\S+)$", metrics, re.M)[0])

    calls = "service_request_seconds_count{outcome="
    assert value(f'{calls}"200",service="synthesizer"}}') >= 1
    assert value(f'{calls}"500",service="vocoder"}}') >= 1
    assert value('jobs{status="completed"}') >= 1
    assert value("queue_length") == 0
    assert value('http_requests_total{method="POST",route="/v1/audio/speech",status="502"}') >= 1


def test_metrics_need_a_key(gateway: httpx.Client) -> None:
    assert httpx.get(f"{gateway.base_url}/metrics").status_code == 401


def test_page_and_its_files_need_no_key(gateway: httpx.Client) -> None:
    page = httpx.get(f"{gateway.base_url}/")
    assert page.status_code == 200
    for file in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        assert httpx.get(f"{gateway.base_url}/{file}").status_code == 200, file


def test_openapi_document_declares_the_key(gateway: httpx.Client) -> None:
    document = httpx.get(f"{gateway.base_url}/openapi.json").json()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert document["paths"]["/v1/audio/speech"]["post"]["security"]
    assert "security" not in document["paths"]["/check"]["get"]
