"""Reads a book of any kind: EPUB, HTML, Markdown or plain text."""

from collections.abc import Sequence

from gateway_service.books.book import (
    MAX_BOOK_BYTES,
    Book,
    BookError,
    Chapter,
    DamagedBook,
    markdown_book,
    plain_book,
    with_speech,
)
from gateway_service.books.epub import read_epub
from gateway_service.books.html_text import HtmlText, read_html


def read_book(data: bytes, name: str) -> Book:
    """The book in a file. name: the file's, whose suffix says how to read it.

    Raises BookError, ProtectedBook or DamagedBook.
    """
    if len(data) > MAX_BOOK_BYTES:
        raise BookError(f"the file is larger than {MAX_BOOK_BYTES >> 20} MiB")
    lower = name.lower()
    if lower.endswith(".epub") or data.startswith(b"PK\x03\x04"):
        return read_epub(data)
    if data.startswith(b"%PDF"):
        raise BookError("a PDF has no chapters or sentences to read; convert it to EPUB or text")
    text = _decoded(data)
    if lower.endswith((".html", ".htm", ".xhtml")):
        return _html_book(read_html(text))
    return markdown_book(text) if lower.endswith((".md", ".markdown")) else plain_book(text)


def _decoded(data: bytes) -> str:
    """UTF-8, with or without a byte order mark, or UTF-16 with one."""
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DamagedBook("the file is not UTF-8 text; save it as UTF-8 and try again") from None
    if "\0" in text:
        raise DamagedBook("the file is not text; give an EPUB, HTML, Markdown or text file")
    return text


def _html_book(document: HtmlText) -> Book:
    """Chapters begin at the document's headings."""
    edges = [0, *document.headings, len(document.blocks)]
    titles = ["", *(document.blocks[at] for at in document.headings)]
    chapters = with_speech(_parts(document, edges, titles))
    return Book(chapters, document.title, document.author, document.language)


def _parts(document: HtmlText, edges: Sequence[int], titles: Sequence[str]) -> list[Chapter]:
    return [
        Chapter(title, document.text(start, stop))
        for title, start, stop in zip(titles, edges, edges[1:], strict=False)
    ]
