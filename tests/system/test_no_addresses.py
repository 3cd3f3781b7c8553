"""No app reads from where a caller says: what it works on comes in the request itself."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from fastapi import FastAPI

from shared.services import all_apps

ADDRESS = re.compile(r"url|uri|href|link|path|dir|folder|filename|host|callback|hook|remote", re.I)
ADDRESS_FORMATS = {"uri", "uri-reference", "url", "path", "file-path", "directory-path", "hostname"}

every_app = pytest.mark.parametrize("name", all_apps())


def document(name: str) -> dict[str, Any]:
    app: FastAPI = import_module(f"{name}_service.app").app
    return app.openapi()


def taken(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and schema of every parameter and of every field of a request's body."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                yield parameter["name"], parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from fields(content.get("schema", {}), document, set())


def fields(
    schema: dict[str, Any], document: dict[str, Any], seen: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    reference = schema.get("$ref")
    if reference is not None:
        if reference not in seen:
            target = document["components"]["schemas"][reference.rpartition("/")[2]]
            yield from fields(target, document, seen | {reference})
        return
    for name, field in schema.get("properties", {}).items():
        yield name, field
        yield from fields(field, document, seen)
    for inner in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        yield from fields(inner, document, seen)
    if "items" in schema:
        yield from fields(schema["items"], document, seen)


@every_app
def test_no_field_or_parameter_takes_an_address(name: str) -> None:
    found = list(taken(document(name)))
    assert name == "gateway" or len(found) >= 2  # it looks at something
    for field, schema in found:
        assert not ADDRESS.search(field), field
        kinds = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
        assert not {kind.get("format") for kind in kinds} & ADDRESS_FORMATS, field


def test_address_would_be_found() -> None:
    schema = {"$ref": "#/components/schemas/A"}
    inner: dict[str, Any] = {"items": {"properties": {"image_url": {}}}}
    made = {
        "paths": {"/": {"post": {"requestBody": {"content": {"x": {"schema": schema}}}}}},
        "components": {"schemas": {"A": {"properties": {"a": {"anyOf": [inner, schema]}}}}},
    }
    assert [name for name, _ in taken(made) if ADDRESS.search(name)] == ["image_url"]
