"""Bodies of POST /v1/jobs, on an app that returns the parsed job."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from gateway_service.jobs import body as job_body
from gateway_service.jobs.body import JobBody
from gateway_service.jobs.schemas import JobRequest
from gateway_service.settings import Settings
from shared.http.app import create_app
from shared.http.json_routes import JsonRoute
from tests.support.job_fixtures import TEXT


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    router = APIRouter(route_class=JsonRoute)

    @router.post("/v1/jobs", openapi_extra=job_body.OPENAPI)
    async def parse(new: JobBody) -> JobRequest:
        return new.request

    settings = Settings()
    model = SimpleNamespace(settings=settings)
    app = create_app("gateway", "Parses jobs.", settings, load=lambda: model)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def parsed(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    return job


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_form_takes_a_lexicon_as_json(http: TestClient) -> None:
    files = {"file": ("book.md", b"# Title", "text/markdown")}
    fields = {"voice": "rowan", "lexicon": '{"Title": "tie till"}'}
    job = parsed(http.post("/v1/jobs", data=fields, files=files))
    assert job["lexicon"] == {"Title": "tie till"}

    response = http.post("/v1/jobs", data={**fields, "lexicon": "{"}, files=files)
    error = error_of(response, 400)

    assert (error["param"], error["code"]) == ("lexicon", "invalid_lexicon")


def test_body_may_be_the_text(http: TestClient) -> None:
    response = http.post(
        "/v1/jobs?voice=elm&response_format=flac&speed=1.5",
        content="\ufeffEins ist hier. Zwei.",
        headers={"content-type": "text/plain; charset=utf-8"},
    )

    job = parsed(response)
    assert (job["voice"], job["response_format"], job["speed"]) == ("elm", "flac", 1.5)
    assert job["input"] == "Eins ist hier. Zwei."


@pytest.mark.parametrize(
    ("query", "text_format"), [("", "markdown"), ("&text_format=plain", "plain")]
)
def test_markdown_body_is_markdown_unless_the_query_differs(
    http: TestClient, query: str, text_format: str
) -> None:
    headers = {"content-type": "text/markdown"}
    response = http.post(f"/v1/jobs?voice=elm{query}", content="# Title", headers=headers)

    assert parsed(response)["text_format"] == text_format


def test_form_takes_precedence_over_the_query(http: TestClient) -> None:
    response = http.post(
        "/v1/jobs?voice=elm&response_format=flac",
        data={"response_format": "wav"},
        files={"file": ("book.txt", TEXT.encode())},
    )

    job = parsed(response)
    assert (job["voice"], job["response_format"]) == ("elm", "wav")


def test_query_is_validated_for_every_kind_of_body(http: TestClient) -> None:
    response = http.post("/v1/jobs?speed=9", json={"input": TEXT, "voice": "elm"})

    assert error_of(response, 400)["param"] == "speed"


def test_form_may_hold_a_text_file(http: TestClient) -> None:
    fields = {"voice": "elm", "seed": "5", "speed": "1.5"}
    response = http.post("/v1/jobs/", data=fields, files={"file": ("book.txt", TEXT.encode())})

    job = parsed(response)
    assert (job["input"], job["seed"]) == (TEXT, 5)


def test_file_that_is_not_text_is_rejected(http: TestClient) -> None:
    files = {"file": ("book.doc", b"\xd0\xcf\x11\xe0")}
    error = error_of(http.post("/v1/jobs", data={"voice": "elm"}, files=files), 400)

    assert (error["param"], error["code"]) == ("file", "not_text")


def test_form_without_a_text_is_rejected(http: TestClient) -> None:
    response = http.post("/v1/jobs", files={"other": ("a.txt", b"Hello.")}, data={"voice": "elm"})

    assert error_of(response, 400)["param"] == "file"


def test_unknown_content_type_is_rejected(http: TestClient) -> None:
    response = http.post("/v1/jobs", content=b"x", headers={"content-type": "application/pdf"})

    assert error_of(response, 415)["param"] == "content-type"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": None}, "voice"),
        ({"input": None}, "input"),
        ({"speed": 5}, "speed"),
        ({"response_format": "au"}, "response_format"),
        ({"seed": -1}, "seed"),
    ],
)
def test_invalid_field_is_named(http: TestClient, fields: dict[str, Any], param: str) -> None:
    body = {"input": TEXT, "voice": "rowan", **fields}
    given = {name: value for name, value in body.items() if value is not None}

    assert error_of(http.post("/v1/jobs", json=given), 400)["param"] == param


@pytest.mark.parametrize(
    ("name", "value"),
    [("speed", "fast"), ("speed", True), ("speed", "9"), ("seed", "3.5"), ("seed", 3.0)],
)
def test_value_that_is_no_number_is_rejected(http: TestClient, name: str, value: object) -> None:
    response = http.post("/v1/jobs", json={"input": TEXT, "voice": "rowan", name: value})

    assert error_of(response, 400)["param"] == name


def test_query_values_are_converted(http: TestClient) -> None:
    query = {"speed": "1.5", "seed": "3", "response_format": "wav"}
    response = http.post("/v1/jobs", params=query, json={"input": TEXT, "voice": "rowan"})

    job = parsed(response)
    assert (job["speed"], job["seed"], job["response_format"]) == (1.5, 3, "wav")


def test_json_that_is_not_an_object_is_rejected(http: TestClient) -> None:
    error_of(http.post("/v1/jobs", json=[1]), 400)
