"""The page at /docs: what it shows can be sent as it stands, and is described."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared import __version__
from shared.http.openapi import json_content, resolve
from tests.conftest import Service

APPS = ["encoder", "synthesizer", "vocoder", "gateway"]
every_app = pytest.mark.parametrize("name", APPS)


@pytest.fixture
def app(service: Service, name: str) -> httpx.Client:
    return service(name)


@pytest.fixture
def document(app: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = app.get("/openapi.json").raise_for_status().json()
    return found


def posts(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        if "post" in operations:
            yield path, operations["post"]


@every_app
def test_every_json_body_has_an_example_that_succeeds(
    app: httpx.Client, document: dict[str, Any], name: str
) -> None:
    sent = 0
    for path, operation in posts(document):
        if (content := json_content(operation)) is not None:
            answer = app.post(path, json=content["example"])
            assert answer.is_success, (path, answer.text[:300])
            sent += 1
    assert sent >= 1


@every_app
def test_every_field_and_parameter_is_described(document: dict[str, Any], name: str) -> None:
    for schema in bodies(document):
        for field, its in schema["properties"].items():
            described = its if "description" in its else resolve(its, document)
            assert described.get("description"), f"{schema.get('title')}.{field}"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])


def bodies(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object schema, of components and of bodies that are written out."""
    inline = [
        resolve(content["schema"], document)
        for _, operation in posts(document)
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    components = document["components"]["schemas"].values()
    return (schema for schema in [*inline, *components] if "properties" in schema)


@every_app
def test_speech_comes_first_and_health_last(document: dict[str, Any], name: str) -> None:
    tags = [tag["name"] for tag in document["tags"]]
    assert (tags[0], tags[-1]) == ("speech", "health")
    used = {
        tag
        for operations in document["paths"].values()
        for o in operations.values()
        for tag in o["tags"]
    }
    assert used == set(tags)


@every_app
def test_version_is_that_of_the_project(document: dict[str, Any], name: str) -> None:
    assert document["info"]["version"] == __version__
