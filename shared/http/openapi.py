"""Additions to FastAPI's OpenAPI document: the errors of each call, examples, exact limits."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from fastapi import FastAPI

from shared.http.schemas import ResponseModel

Responses = dict[int | str, dict[str, Any]]

_REASONS = {
    400: "invalid request",
    401: "missing or wrong API key",
    403: "request from another site's page, or by an unknown host name",
    404: "not found",
    408: "the body did not arrive in time",
    409: "not possible in the current state",
    413: "over a limit",
    415: "unsupported content type or sound format",
    416: "range not satisfiable",
    429: "too many requests; try again after Retry-After seconds",
    502: "a service behind the gateway failed",
    503: "not ready, or stopping",
    504: "deadline passed while waiting",
}


_EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
_EVENTS = {"text/event-stream": {"itemSchema": _EVENT}}  # as FastAPI does, from OpenAPI 3.2


_TAGS = ("speech", "voices", "jobs", "predecessor", "health")  # in the order of /docs


class ErrorDetail(ResponseModel):
    type: str
    """Kind of error, as in OpenAI's API."""
    message: str
    """The problem, the limit and the remedy, for people."""
    param: str | None
    """The field or header at fault."""
    code: str
    """The error, for programs; docs/api.md lists the codes."""


class ErrorBody(ResponseModel):
    """Every error of every call."""

    error: ErrorDetail
    """The error."""


def errors(*statuses: int) -> Responses:
    """The errors of a route, for its `responses`."""
    return {status: {"model": ErrorBody, "description": _REASONS[status]} for status in statuses}


def content(schema: dict[str, Any], *media_types: str, events: bool = False) -> Responses:
    """The successful response of a route, for its `responses`. events: or server-sent events."""
    kinds = {kind: {"schema": schema} for kind in media_types}
    return {200: {"content": {**kinds, **(_EVENTS if events else {})}}}


BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


def sound_file(formats: str) -> dict[str, Any]:
    """Content of a request body that is a sound file, or a form with one in `file`."""
    file = {**BINARY, "description": formats}
    form = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"audio/*": {"schema": file}, "multipart/form-data": {"schema": form}}


QUEUED = errors(429, 504)
"""Errors of a route that waits for a compute slot."""


def extend_openapi(app: FastAPI, examples: Mapping[str, Callable[[], Any]]) -> None:
    """Add to the app's document: errors of each call, examples, and the order of tags.

    examples: by path, a function that returns a JSON body; it is called when the document is first
    read. Bodies of the same schema share an example. A model's own is in its `json_schema_extra`.
    """
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        _add_schemas(schemas)
        _allow_null(document)
        for path in document["paths"].values():
            for method, operation in path.items():
                _add_errors(operation, method)
        _add_examples(document, examples)
        used = {tag for operation in _operations(document) for tag in operation.get("tags", ())}
        document["tags"] = [{"name": tag} for tag in _TAGS if tag in used]
        _make_limits_exact(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def json_content(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON part of an operation's request body, if it has one."""
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] | None = content.get("application/json")
    return found


def _allow_null(document: dict[str, Any]) -> None:
    """Let the optional fields of JSON bodies be null, which counts as absent."""
    for content in filter(None, map(json_content, _operations(document))):
        schema = resolve(content["schema"], document)
        for option in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
            form = resolve(option, document)
            fields = form.get("properties", {})
            for name in fields.keys() - set(form.get("required", ())):
                fields[name] = _nullable(fields[name])


def _nullable(field: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if "anyOf" in field:
        options = field["anyOf"]
        return field if null in options else {**field, "anyOf": [*options, null]}
    about: dict[str, Any] = {
        key: field[key] for key in ("title", "description", "default") if key in field
    }
    rest = {key: value for key, value in field.items() if key not in about}
    return {**about, "anyOf": [rest, null]}


def _add_examples(document: dict[str, Any], examples: Mapping[str, Callable[[], Any]]) -> None:
    of_schema: list[tuple[Any, Any]] = []
    for path, example in examples.items():
        if (content := json_content(document["paths"][path]["post"])) is not None:
            body = content.get("example") or orjson.loads(
                orjson.dumps(example(), option=orjson.OPT_SERIALIZE_NUMPY)
            )
            of_schema.append((content["schema"], body))
    for content in filter(None, map(json_content, _operations(document))):
        for schema, body in of_schema:
            if content["schema"] == schema:
                content.setdefault("example", body)
        resolved = resolve(content["schema"], document)
        if "examples" in resolved:
            content.setdefault("example", resolved["examples"][0])


def resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """A schema itself, or the component that it refers to."""
    reference = schema.get("$ref", "")
    found: dict[str, Any] = document["components"]["schemas"].get(reference.rpartition("/")[2])
    return found if reference else schema


def _add_schemas(schemas: dict[str, Any]) -> None:
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    body = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= body.pop("$defs") | {"ErrorBody": body}


def _add_errors(operation: dict[str, Any], method: str) -> None:
    operation["responses"].pop("422", None)  # FastAPI's validation error; ours is a 400
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    follows: set[int] = set()
    if "requestBody" in operation:
        follows |= {400, 408, 413, 415}
    if places & {"query", "header"}:
        follows |= {400}
    if "path" in places:
        follows |= {404}
    if any("maxLength" in parameter["schema"] for parameter in operation.get("parameters", ())):
        follows |= {400}
    if method in ("post", "patch", "delete"):
        follows |= {503}
    for status in sorted(follows):
        add_error(operation, status)


def add_error(operation: dict[str, Any], status: int) -> None:
    """Add an error to an operation of the document, unless it is there already."""
    reference = {"schema": {"$ref": "#/components/schemas/ErrorBody"}}
    error = {"description": _REASONS[status], "content": {"application/json": reference}}
    operation["responses"].setdefault(str(status), error)


def _make_limits_exact(node: Any) -> None:
    """Write limits as integers: FastAPI makes them floats, and 2**63 becomes a larger number."""
    if isinstance(node, list):
        for item in node:
            _make_limits_exact(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, float) and value.is_integer() and key.lower().endswith("imum"):
                node[key] = int(value)
            else:
                _make_limits_exact(value)
