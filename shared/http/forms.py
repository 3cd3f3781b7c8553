"""Multipart forms, with errors in our own form."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from shared.http.errors import InvalidRequest, UnsupportedMediaType
from shared.settings import MIB

_MAX_FIELDS = 8
_TOO_MUCH = re.compile(r"Too many (files|fields)|(?:Field|Part) exceeded maximum size")
"""Beginning of Starlette's messages about its limits."""


@asynccontextmanager
async def open_form(
    request: Request,
    file_field: str,
    *,
    files: int = 1,
    fields: int = _MAX_FIELDS,
    text_bytes: int = MIB,
) -> AsyncIterator[FormData]:
    """The form of a request. files, fields: limits of their number. text_bytes: limit of a text.

    Raises InvalidRequest, and UnsupportedMediaType for a charset other than UTF-8.
    """
    _require_utf8(request)
    try:
        form = await request.form(max_files=files, max_fields=fields, max_part_size=text_bytes)
    except HTTPException as error:
        limit = _TOO_MUCH.match(error.detail)
        if limit is None:
            raise _unreadable(error.detail) from None
        messages = {
            "files": f"{file_field}: the form has over {files} "
            f"{'files' if files > 1 else 'file'}, the limit; send fewer",
            "fields": f"the form has over {fields} fields besides its files, the limit; send only "
            "those listed at /docs",
        }
        too_long = f"a field of the form is over {text_bytes} bytes, the limit; send less"
        param = file_field if limit[1] == "files" else "body"
        raise InvalidRequest(messages.get(limit[1], too_long), param=param) from None
    try:
        yield form
    finally:
        await form.close()


async def uploaded_file(request: Request) -> bytes:
    """The content of `file` of a form. Raises InvalidRequest if it is missing."""
    async with open_form(request, "file") as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest(
                "the form has no file in a field named file; with curl: -F file=@clip.wav",
                param="file",
            )
        return await file.read()


def _require_utf8(request: Request) -> None:
    """Starlette decodes with any codec that the header names, on the event loop: punycode takes
    minutes for a megabyte, and others raise odd errors or produce lone surrogates."""
    _, parameters = parse_options_header(request.headers.get("content-type"))
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(
            f"the form's charset is {charset[:40]!r}; send texts in UTF-8, and omit charset from "
            "Content-Type",
            param="content-type",
        )


def _unreadable(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"the form cannot be read ({reason.rstrip('.')}); send multipart/form-data with its "
        "boundary, as curl -F does",
        param="body",
    )
