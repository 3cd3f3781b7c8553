"""Reads what is ordered of a job: JSON, a form with a text file, or the text itself as the body."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from gateway_service.job_schemas import JobRequest
from gateway_service.settings import settings
from shared.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.wire import media_type

_SCHEMA = JobRequest.model_json_schema()
_BESIDE_THE_TEXT = {name: of for name, of in _SCHEMA["properties"].items() if name != "input"}
OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "voice"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        **_BESIDE_THE_TEXT,
                    },
                }
            },
            "text/plain": {"schema": {"type": "string"}},
        },
    },
    "parameters": [
        {"name": name, "in": "query", "schema": of, "description": "With text/plain."}
        for name, of in _BESIDE_THE_TEXT.items()
    ],
}
"""What FastAPI cannot read off the dependency."""


async def read_job(request: Request) -> JobRequest:
    """Raises UnsupportedMediaType, InvalidRequest, TooLarge or a validation error that names the
    field."""
    kind = media_type(request)
    if kind == "application/json":
        return _validated(await request.json())
    if kind == "multipart/form-data":
        return _validated(await _form(request))
    if kind == "text/plain":
        text = _decoded(await request.body(), "body")
        return _validated({**request.query_params, "input": text})
    raise UnsupportedMediaType(
        f"Content-Type is {kind or 'missing'}; send application/json, text/plain with the rest in "
        "the query, or multipart/form-data with a file",
        param="content-type",
    )


async def _form(request: Request) -> dict[str, Any]:
    async with request.form(
        max_files=1, max_fields=8, max_part_size=settings.max_body_bytes
    ) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("file")
        if isinstance(file, UploadFile):
            return {**fields, "input": _decoded(await file.read(), "file")}
    if "input" not in fields:
        raise InvalidRequest(
            "the form has no text file in a field named file; curl sends one with "
            "-F file=@book.txt",
            param="file",
        )
    return fields


def _decoded(text: bytes, param: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{param}: byte {error.start} is not UTF-8; save the text as UTF-8, without formatting",
            param=param,
            code="not_text",
        ) from None


def _validated(fields: Any) -> JobRequest:
    try:
        request = JobRequest.model_validate(fields)
    except ValidationError as error:
        located = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
        raise RequestValidationError(located) from None
    if (characters := len(request.input)) > settings.max_job_characters:
        raise TooLarge(
            f"input has {characters} characters, at most {settings.max_job_characters} are taken; "
            "send it in parts, or raise MAX_JOB_CHARACTERS",
            param="input",
            code="too_long",
        )
    return request


JobBody = Annotated[JobRequest, Depends(read_job)]
