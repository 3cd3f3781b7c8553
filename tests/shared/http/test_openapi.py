"""Errors and limits in the OpenAPI document."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from shared.http.app import create_app
from shared.http.openapi import QUEUED, content, errors
from shared.settings import AppSettings


class Body(BaseModel):
    seed: Annotated[int, Field(ge=0, lt=2**63)]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = create_app("gateway", "", AppSettings(), load=lambda: None)

    @app.get("/things")
    def list_things(limit: Annotated[int, Query(ge=1)] = 20) -> str:
        return "things"

    @app.post("/things", responses=QUEUED)
    def make(body: Body) -> str:
        return "made"

    @app.delete("/things/{thing}", responses=errors(409))
    def drop(thing: str) -> str:
        return "gone"

    @app.get("/events", responses=content({}, events=True))
    def events() -> str:
        return ""

    return app


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/check", "get", {"200"}),
        ("/health/ready", "get", {"200", "503"}),
        ("/things", "get", {"200", "400"}),
        ("/things", "post", {"200", "400", "408", "413", "415", "429", "503", "504"}),
        ("/things/{thing}", "delete", {"200", "404", "409", "503"}),
    ],
)
def test_call_lists_its_errors(
    document: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    assert set(document["paths"][path][method]["responses"]) == statuses


def test_errors_have_our_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["ErrorDetail"]["required"]) == {"type", "message", "param", "code"}
    assert "HTTPValidationError" not in schemas
    answers = document["paths"]["/things"]["post"]["responses"]
    for status in ("400", "429"):
        schema = answers[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorBody"}


def test_large_limit_is_exact(document: dict[str, Any]) -> None:
    seed = document["components"]["schemas"]["Body"]["properties"]["seed"]
    assert (seed["minimum"], seed["exclusiveMaximum"]) == (0, 2**63)
    assert isinstance(seed["exclusiveMaximum"], int)


def test_wrong_method_gets_the_methods_of_all_routes_of_the_path(app: FastAPI) -> None:
    with TestClient(app) as client:
        answer = client.put("/things")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert "GET, HEAD, POST" in answer.json()["error"]["message"]
