"""Reads forms, and says in our own words what is wrong with one."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from shared.http.errors import InvalidRequest, UnsupportedMediaType
from shared.settings import MIB

_FIELDS = 8
_OVER = re.compile(r"Too many (files|fields)|(?:Field|Part) exceeded maximum size")
"""How Starlette begins to say that there is too much of something."""


@asynccontextmanager
async def open_form(
    request: Request,
    file_field: str,
    *,
    files: int = 1,
    fields: int = _FIELDS,
    text_bytes: int = MIB,
) -> AsyncIterator[FormData]:
    """files, fields: of files and of texts, the most. text_bytes: of one text.

    Raises InvalidRequest, and UnsupportedMediaType for texts that are not in UTF-8.
    """
    _require_utf8(request)
    try:
        form = await request.form(max_files=files, max_fields=fields, max_part_size=text_bytes)
    except HTTPException as error:
        over = _OVER.match(error.detail)
        if over is None:
            raise _unreadable(error.detail) from None
        too_much = {
            "files": f"{file_field}: the form has over {files} "
            f"{'files' if files > 1 else 'file'}, which is the most; send fewer",
            "fields": f"the form has over {fields} fields beside its files, which is the most; "
            "send none but those at /docs",
        }
        too_long = f"a field of the form is over {text_bytes} bytes, which is the most; send less"
        param = file_field if over[1] == "files" else "body"
        raise InvalidRequest(too_much.get(over[1], too_long), param=param) from None
    try:
        yield form
    finally:
        await form.close()


async def uploaded_file(request: Request) -> bytes:
    """`file` of a form. Raises InvalidRequest if there is none."""
    async with open_form(request, "file") as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest(
                "the form has no file in a field named file; curl sends one with -F file=@clip.wav",
                param="file",
            )
        return await file.read()


def _require_utf8(request: Request) -> None:
    """Starlette decodes with any codec that the header names, on the event loop: Python's punycode
    takes minutes for a megabyte, and others raise what nobody expects or make lone surrogates."""
    _, parameters = parse_options_header(request.headers.get("content-type"))
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(
            f"the form's charset is {charset[:40]!r}; send its texts in UTF-8, and leave charset "
            "out of Content-Type",
            param="content-type",
        )


def _unreadable(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the form cannot be read ({why.rstrip('.')}); send it as multipart/form-data with its "
        "boundary, as curl does with -F",
        param="body",
    )
