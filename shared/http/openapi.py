"""The OpenAPI document: what FastAPI makes of the routes, and the errors that each call answers."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

Responses = dict[int | str, dict[str, Any]]

_WHY = {
    400: "what was sent cannot be used",
    401: "no key, or a wrong one",
    403: "a page of another site asks, or a name that is not known",
    404: "there is no such thing",
    408: "the body did not come in time",
    409: "the thing is not in the state that this asks for",
    413: "over a limit",
    415: "a content type or sound format that is not read here",
    416: "the part that is asked for is not there",
    429: "too many ask; try again after Retry-After seconds",
    502: "a service behind the gateway failed",
    503: "not ready, or stopping",
    504: "too slow, or too long in the queue",
}


_EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
_EVENTS = {"text/event-stream": {"itemSchema": _EVENT}}  # as FastAPI has it, from OpenAPI 3.2


class ErrorDetail(BaseModel):
    type: str
    message: str
    param: str | None
    code: str


class ErrorBody(BaseModel):
    """Every error, of every call."""

    error: ErrorDetail


def errors(*statuses: int) -> Responses:
    """For a route's `responses`: errors of its own."""
    return {status: {"model": ErrorBody, "description": _WHY[status]} for status in statuses}


def content(schema: dict[str, Any], *media_types: str, events: bool = False) -> Responses:
    """For a route's `responses`: what it answers if all is well. events: or server-sent events."""
    kinds = {kind: {"schema": schema} for kind in media_types}
    return {200: {"content": {**kinds, **(_EVENTS if events else {})}}}


BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


def sound_file(formats: str) -> dict[str, Any]:
    """Of a request's body: the file itself, or `file` of a form."""
    file = {**BINARY, "description": formats}
    form = {"type": "object", "required": ["file"], "properties": {"file": file}}
    return {"audio/*": {"schema": file}, "multipart/form-data": {"schema": form}}


QUEUED = errors(429, 504)
"""For what waits for a computing slot."""


def describe_errors(app: FastAPI) -> None:
    """From now on the document has the errors that follow from what a call takes."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        _add_schemas(schemas)
        for path in document["paths"].values():
            for method, operation in path.items():
                _add_errors(operation, method)
        _make_limits_exact(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _add_schemas(schemas: dict[str, Any]) -> None:
    for of_fastapi in ("HTTPValidationError", "ValidationError"):
        schemas.pop(of_fastapi, None)
    body = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= body.pop("$defs") | {"ErrorBody": body}


def _add_errors(operation: dict[str, Any], method: str) -> None:
    operation["responses"].pop("422", None)  # FastAPI's own form, which is not ours
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
    if method in ("post", "delete"):
        follows |= {503}
    for status in sorted(follows):
        add_error(operation, status)


def add_error(operation: dict[str, Any], status: int) -> None:
    """In the document itself; what stands there already stays."""
    reference = {"schema": {"$ref": "#/components/schemas/ErrorBody"}}
    error = {"description": _WHY[status], "content": {"application/json": reference}}
    operation["responses"].setdefault(str(status), error)


def _make_limits_exact(node: Any) -> None:
    """FastAPI writes every limit as a float, and 2**63 as 9.223372036854776e+18, which is more."""
    if isinstance(node, list):
        for item in node:
            _make_limits_exact(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, float) and value.is_integer() and key.lower().endswith("imum"):
                node[key] = int(value)
            else:
                _make_limits_exact(value)
