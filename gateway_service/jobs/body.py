"""Parses the body of POST /v1/jobs: JSON, a form with a text or a book, or either itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile

from gateway_service.books.book import (
    Book,
    BookError,
    ProtectedBook,
    chapter_numbers,
    markdown_book,
    plain_book,
)
from gateway_service.books.reading import read_book
from gateway_service.gateway import GatewayState
from gateway_service.jobs.schemas import DEFAULT_MAX_CHARACTERS, JobQuery, JobRequest
from gateway_service.settings import Settings
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.forms import open_form
from shared.http.json_routes import body_validation, media_type
from shared.http.openapi import BINARY

EPUB = "application/epub+zip"
_BOOK_SUFFIXES = (".epub", ".html", ".htm", ".xhtml", ".pdf")  # a PDF is refused by name
_MAX_FIELDS = 16
_threads = CapacityLimiter(1)
"""Books that are unpacked at a time, as one may take a hundred megabytes."""
_FILE = {**BINARY, "description": "an EPUB or HTML file, or Markdown or text in UTF-8"}
_FORM_FIELDS = JobQuery.model_json_schema()["properties"]
HTML = "text/html"
OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": JobRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "voice"],
                    "properties": {"file": _FILE, **_FORM_FIELDS},
                }
            },
            **{kind: {"schema": BINARY} for kind in (EPUB, HTML)},
            **{
                kind: {"schema": {"type": "string", "maxLength": DEFAULT_MAX_CHARACTERS}}
                for kind in ("text/plain", "text/markdown")
            },
        },
    },
}
"""The request body for the OpenAPI document, which FastAPI cannot derive from `JobBody`."""


@dataclass(frozen=True)
class NewJob:
    """A valid request, and its book, whose chapters take the place of `input`.

    book: with the chosen chapters only. numbers: of these chapters in the whole book.
    """

    request: JobRequest
    book: Book | None = None
    numbers: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        if self.book is None:
            return self.request.input
        return "\n\n".join(chapter.text for chapter in self.book.chapters)


async def read_job(
    request: Request, query: Annotated[JobQuery, Query()], gateway: GatewayState
) -> NewJob:
    """Parse the request. The body takes precedence over the query.

    Raises UnsupportedMediaType, InvalidRequest, TooLarge or a validation error that names the
    field.
    """
    given, settings = query.model_dump(exclude_unset=True), gateway.settings
    kind = media_type(request)
    if kind == "application/json":
        size = len(await request.body())
        body = await request.json()
        # The parsed text waits for a thread, and takes about as much memory as the body.
        request.scope["body_hold"].add(size)
        fields = {**given, **body} if isinstance(body, dict) else body
        return _text_job(_validated(fields, settings))
    if kind == "multipart/form-data":
        return await _form_job(request, given, settings)
    if kind in (EPUB, HTML):
        job = _validated({**given, "input": ""}, settings)
        name = "body.epub" if kind == EPUB else "body.html"
        return await _book_job(job, await request.body(), name, settings)
    if kind in ("text/plain", "text/markdown"):
        if kind == "text/markdown":
            given.setdefault("text_format", "markdown")
        text = _decoded(await request.body(), "body")
        return _text_job(_validated({**given, "input": text}, settings))
    raise UnsupportedMediaType(
        f"Content-Type is {kind[:80] or 'missing'}; send application/json, text/plain, "
        f"text/markdown, {HTML} or {EPUB} with the other fields in the query, or "
        "multipart/form-data with a file",
        param="content-type",
    )


async def _form_job(request: Request, given: dict[str, Any], settings: Settings) -> NewJob:
    text_bytes = settings.max_body_bytes
    async with open_form(request, "file", fields=_MAX_FIELDS, text_bytes=text_bytes) as form:
        fields = {**given, **{name: at for name, at in form.items() if isinstance(at, str)}}
        for name, meaning in _JSON_FIELDS.items():
            if isinstance(fields.get(name), str):
                fields[name] = _parsed(name, meaning, fields[name])
        file = form.get("file")
        if isinstance(file, UploadFile):
            data = await file.read()
            name = _name_of(file, data)
            text = "" if name.endswith(_BOOK_SUFFIXES) else _decoded(data, "file")
            job = _validated({**fields, "input": text}, settings, strict=False)
            return await _book_job(job, data, name, settings)
    if "input" not in fields:
        raise InvalidRequest(
            "file: the form has no text file; add one, with curl as -F file=@book.txt",
            param="file",
        )
    return _text_job(_validated(fields, settings, strict=False))


def _name_of(file: UploadFile, data: bytes) -> str:
    """The file's name in lower case, with the suffix of an EPUB or a PDF if it is one."""
    name = (file.filename or "").lower()
    if data.startswith(b"%PDF"):
        return f"{name}.pdf"
    is_epub = file.content_type == EPUB or data.startswith(b"PK\x03\x04")
    return f"{name}.epub" if is_epub else name


_JSON_FIELDS = {
    "lexicon": "an object of words and their respellings",
    "voices": "an object of names in the text and their voices",
}


def _parsed(name: str, meaning: str, value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"{name}: is not JSON ({error}); send {meaning}", param=name, code=f"invalid_{name}"
        ) from None


def _text_job(request: JobRequest) -> NewJob:
    if request.chapters is not None:
        raise InvalidRequest(
            "chapters: only a file has chapters; send one in a form, as -F file=@book.epub",
            param="chapters",
        )
    if request.from_job is not None:
        raise InvalidRequest(
            "from_job: only a book with chapters takes them over; leave it out for a text",
            param="from_job",
        )
    return NewJob(request)


async def _book_job(request: JobRequest, data: bytes, name: str, settings: Settings) -> NewJob:
    """name: of the file, in lower case. Raises InvalidRequest and TooLarge."""
    with _chapter_errors():
        chosen = None if request.chapters is None else chapter_numbers(request.chapters)
    try:
        book = await to_thread.run_sync(_read_book, data, name, request, limiter=_threads)
        if book is None:
            return _text_job(request)
    except BookError as error:
        code = "protected_book" if isinstance(error, ProtectedBook) else "invalid_book"
        raise InvalidRequest(f"file: {error}", param="file", code=code) from None
    with _chapter_errors():
        book = book.chosen(chosen) if chosen else book
    _require_short(sum(len(chapter.text) for chapter in book.chapters), "file", settings)
    return NewJob(request, book, tuple(sorted(chosen or range(1, len(book.chapters) + 1))))


@contextmanager
def _chapter_errors() -> Iterator[None]:
    try:
        yield
    except BookError as error:
        raise InvalidRequest(f"chapters: {error}", param="chapters") from None


def _read_book(data: bytes, name: str, request: JobRequest) -> Book | None:
    """None for a text without chapters. Raises BookError."""
    if name.endswith(_BOOK_SUFFIXES):
        return read_book(data, name)
    text = request.input
    if not any(map(str.isalnum, text)):
        return None
    is_markdown = name.endswith((".md", ".markdown"))
    book = markdown_book(text) if is_markdown else plain_book(text)
    if len(book.chapters) == 1 and not book.chapters[0].title:
        return None
    is_auto = is_markdown and request.text_format == "auto"
    return replace(book, text_format="markdown" if is_auto else request.text_format)


def _decoded(text: bytes, param: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{param}: byte {error.start} is not UTF-8; save the file as plain text in UTF-8",
            param=param,
            code="not_text",
        ) from None


def _validated(fields: Any, settings: Settings, strict: bool | None = None) -> JobRequest:
    """strict: False for a form, whose values are all strings; None for the model's own setting."""
    text = fields.get("input") if isinstance(fields, dict) else None
    if isinstance(text, str):
        _require_short(len(text), "input", settings)
    with body_validation():
        return JobRequest.model_validate(fields, strict=strict)


def _require_short(characters: int, param: str, settings: Settings) -> None:
    if characters > settings.max_job_characters:
        raise TooLarge(
            f"{param}: has {characters} characters, the limit is {settings.max_job_characters}; "
            "send it in parts, or raise MAX_JOB_CHARACTERS",
            param=param,
            code="too_long",
        )


JobBody = Annotated[NewJob, Depends(read_job)]
