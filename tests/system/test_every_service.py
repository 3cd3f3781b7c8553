"""Routes that all apps have, over HTTP."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi.testclient import TestClient

from shared.http.app import create_app
from shared.services import SERVICES
from shared.settings import AppSettings
from tests.conftest import Service

every_service = pytest.mark.parametrize("name", SERVICES)
every_app = pytest.mark.parametrize("name", [*SERVICES, "gateway"])


@every_service
def test_page_says_what_the_service_does(service: Service, name: str) -> None:
    response = service(name).get("/")
    assert response.headers["content-type"].startswith("text/html")
    assert name in response.text
    assert f"{service(name).base_url}".rstrip("/") + "/example.json" in response.text


@every_service
def test_example_of_the_page_works(service: Service, name: str) -> None:
    body = service(name).get("/example.json").json()
    answer = service(name).post("/inference/", json=body).raise_for_status().json()
    expected = {"encoder": "embed", "synthesizer": "spec", "vocoder": "wav"}
    assert len(answer[expected[name]]) >= 80


@every_app
def test_check_says_available(service: Service, name: str) -> None:
    assert service(name).get("/check").json() == "service available"


@every_app
@pytest.mark.parametrize("path", ["/check", "/health/live", "/health/ready", "/metrics", "/docs"])
def test_path_works_with_and_without_trailing_slash(service: Service, name: str, path: str) -> None:
    for variant in (path, path + "/"):
        assert service(name).get(variant).status_code == 200


@every_app
@pytest.mark.parametrize(
    "path", ["/", "/check", "/health/live", "/health/ready/", "/docs", "/openapi.json", "/nope"]
)
def test_head_is_answered_as_get_without_the_body(service: Service, name: str, path: str) -> None:
    got, head = service(name).get(path), service(name).head(path)
    assert head.status_code == got.status_code
    assert not head.content
    for header in ("content-type", "content-length"):
        assert head.headers[header] == got.headers[header]


def test_head_that_breaks_is_counted_by_its_route() -> None:
    app = create_app("test", "", AppSettings(), load=lambda: None)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.head("/broken").status_code == 500
        counted = 'http_requests_total{method="HEAD",route="/broken",status="500"}'
        assert counted in client.get("/metrics").text


@every_app
def test_head_is_counted_by_route_and_not_documented(service: Service, name: str) -> None:
    assert service(name).head("/metrics").status_code == 200
    counted = 'http_requests_total{method="HEAD",route="/metrics",status="200"}'
    assert counted in service(name).get("/metrics").text
    paths = service(name).get("/openapi.json").json()["paths"]
    assert not any("head" in operations for operations in paths.values())


@every_service
def test_head_of_what_is_posted_names_what_is_allowed(service: Service, name: str) -> None:
    refused = service(name).head("/inference/")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"


@every_service
def test_post_works_with_and_without_trailing_slash(service: Service, name: str) -> None:
    body = service(name).get("/example.json").json() | {"seed": 3}
    answers = [service(name).post(path, json=body).json() for path in ("/inference", "/inference/")]
    assert answers[0] == answers[1]


@every_app
def test_readiness_tells_that_work_is_taken(service: Service, name: str) -> None:
    assert service(name).get("/health/ready").json() == {"status": "ready"}
    assert service(name).get("/health/live").json() == {"status": "live"}


@every_service
def test_metrics_count_requests_by_route(service: Service, name: str) -> None:
    def refused() -> float:
        pattern = r'http_requests_total\{method="POST",route="/inference/",status="415"\} (\S+)'
        found = re.search(pattern, service(name).get("/metrics").text)
        return float(found[1]) if found else 0

    before = refused()
    service(name).post("/inference", content=b"")
    assert refused() == before + 1


@every_app
def test_metrics_have_no_label_from_the_client(service: Service, name: str) -> None:
    service(name).get("/made-up-path")
    service(name).request("MADEUP", "/check")
    metrics = service(name).get("/metrics").text.lower()
    assert "made-up" not in metrics
    assert "madeup" not in metrics


@every_app
def test_docs_load_nothing_from_elsewhere(service: Service, name: str) -> None:
    client = service(name)
    page = client.get("/docs").raise_for_status().text
    loaded = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)
    assert len(loaded) >= 2
    for address in loaded:
        assert address.startswith("/")
        assert client.get(address).is_success


@every_service
def test_openapi_documents_every_call(service: Service, name: str) -> None:
    document = service(name).get("/openapi.json").json()
    operation = document["paths"]["/inference/"]["post"]
    assert "application/json" in operation["requestBody"]["content"]
    assert set(document["paths"]) >= {"/inference/", "/check", "/health/ready", "/metrics"}


@every_service
def test_unknown_fields_are_ignored(service: Service, name: str) -> None:
    body = service(name).get("/example.json").json() | {"nonsense": {"deep": [1]}}
    assert service(name).post("/inference/", json=body).status_code == 200


@every_service
def test_health_answers_while_the_model_works(service: Service, name: str) -> None:
    body = service(name).get("/example.json").json()
    url = service(name).base_url
    with ThreadPoolExecutor(4) as pool, httpx.Client(base_url=url, timeout=60) as client:
        busy = [pool.submit(client.post, "/inference/", json=body) for _ in range(4)]
        assert service(name).get("/health/live").status_code == 200
        assert {request.result().status_code for request in busy} == {200}


@every_app
def test_answer_has_the_id_of_its_request(service: Service, name: str) -> None:
    for path in ("/check", "/nope"):
        answer = service(name).get(path, headers={"X-Request-ID": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"
        assert service(name).get(path).headers["x-request-id"].startswith("req_")
