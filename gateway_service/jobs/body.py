"""Reads what is ordered of a job: JSON, a form with a text file, or the text itself as the body."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile

from gateway_service.gateway import GatewayState
from gateway_service.jobs.schemas import DEFAULT_MAX_CHARACTERS, JobQuery, JobRequest
from gateway_service.settings import Settings
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.forms import open_form
from shared.http.json_routes import body_validation, media_type
from shared.http.openapi import BINARY

_BESIDE_THE_TEXT = JobQuery.model_json_schema()["properties"]
_TEXT_FILE = {**BINARY, "description": "the text, in UTF-8"}
OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": JobRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "voice"],
                    "properties": {"file": _TEXT_FILE, **_BESIDE_THE_TEXT},
                }
            },
            **{
                kind: {"schema": {"type": "string", "maxLength": DEFAULT_MAX_CHARACTERS}}
                for kind in ("text/plain", "text/markdown")
            },
        },
    },
}
"""What FastAPI cannot read off the dependency."""


async def read_job(
    request: Request, query: Annotated[JobQuery, Query()], gateway: GatewayState
) -> JobRequest:
    """query: holds where the body does not say otherwise.

    Raises UnsupportedMediaType, InvalidRequest, TooLarge or a validation error that names the
    field."""
    given, settings = query.model_dump(exclude_unset=True), gateway.settings
    kind = media_type(request)
    if kind == "application/json":
        size = len(await request.body())
        body = await request.json()
        # Its text waits for its turn to become a job, and takes about as much memory.
        request.scope["body_hold"].add(size)
        return _validated({**given, **body} if isinstance(body, dict) else body, settings)
    if kind == "multipart/form-data":
        form = await _form(request, settings)
        return _validated({**given, **form}, settings, strict=False)
    if kind in ("text/plain", "text/markdown"):
        if kind == "text/markdown":
            given.setdefault("text_format", "markdown")
        text = _decoded(await request.body(), "body")
        return _validated({**given, "input": text}, settings)
    raise UnsupportedMediaType(
        f"Content-Type is {kind[:80] or 'missing'}; send application/json, text/plain or "
        "text/markdown with the rest in the query, or multipart/form-data with a file",
        param="content-type",
    )


async def _form(request: Request, settings: Settings) -> dict[str, Any]:
    async with open_form(request, "file", text_bytes=settings.max_body_bytes) as form:
        fields: dict[str, Any] = {
            name: value for name, value in form.items() if isinstance(value, str)
        }
        if "lexicon" in fields:
            fields["lexicon"] = _parsed(fields["lexicon"])
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


def _parsed(lexicon: str) -> Any:
    try:
        return orjson.loads(lexicon)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"lexicon: is not JSON ({error}); send an object of words and their respellings",
            param="lexicon",
            code="invalid_lexicon",
        ) from None


def _decoded(text: bytes, param: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{param}: byte {error.start} is not UTF-8; save the text as UTF-8, without formatting",
            param=param,
            code="not_text",
        ) from None


def _validated(fields: Any, settings: Settings, strict: bool | None = None) -> JobRequest:
    """strict: as the schema says if None; False for a form, where everything is text."""
    text = fields.get("input") if isinstance(fields, dict) else None
    if isinstance(text, str) and len(text) > settings.max_job_characters:
        raise TooLarge(
            f"input has {len(text)} characters, at most {settings.max_job_characters} are taken; "
            "send it in parts, or raise MAX_JOB_CHARACTERS",
            param="input",
            code="too_long",
        )
    with body_validation():
        return JobRequest.model_validate(fields, strict=strict)


JobBody = Annotated[JobRequest, Depends(read_job)]
