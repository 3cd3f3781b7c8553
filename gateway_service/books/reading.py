"""Reads a book of any kind: EPUB, HTML, Markdown or plain text."""

import re
from dataclasses import replace

from gateway_service.books.book import MAX_BOOK_BYTES, Book, BookError, DamagedBook
from gateway_service.books.epub import read_epub
from gateway_service.books.html_book import html_book
from gateway_service.books.markdown_book import markdown_book
from gateway_service.books.text_book import plain_book
from gateway_service.books.text_encoding import decoded_html, decoded_text

MARKDOWN_SUFFIXES = (".md", ".markdown")
HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_HTML = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!doctype\s+html|<html\b)", re.IGNORECASE)
_OTHER_KINDS = {
    b"%PDF": "a PDF has no chapters or sentences to read; convert it to EPUB or text",
    b"{\\rtf": "an RTF file cannot be read; save it as HTML or text",
}


def read_book(data: bytes, name: str) -> Book:
    """The book in a file. name: the file's, whose suffix says how to read it.

    Raises BookError, ProtectedBook or DamagedBook.
    """
    if len(data) > MAX_BOOK_BYTES:
        raise BookError(f"the file is larger than {MAX_BOOK_BYTES >> 20} MiB")
    lower = name.lower()
    if lower.endswith(".epub") or data.startswith(b"PK\x03\x04"):
        return read_epub(data)
    _refuse_other_kinds(data)
    if lower.endswith(HTML_SUFFIXES):
        return html_book(decoded_html(data))
    return text_book(decoded_text(data), lower)


def _refuse_other_kinds(data: bytes) -> None:
    for head, message in _OTHER_KINDS.items():
        if data.startswith(head):
            raise BookError(message)
    if data[60:68] == b"BOOKMOBI":
        raise BookError("a Kindle book cannot be read; convert it to EPUB")
    if b"<FictionBook" in data[:1000]:
        raise BookError("an FB2 book cannot be read; convert it to EPUB")
    if b"\0" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DamagedBook("the file is not text; give an EPUB, HTML, Markdown or text file")


def text_book(text: str, name: str) -> Book:
    """The book in a text. name: the file's, in lower case. Raises BookError."""
    if _HTML.match(text):
        return html_book(text)
    if not name.endswith(MARKDOWN_SUFFIXES):
        return plain_book(text)
    book = markdown_book(text)
    if len(book.chapters) == 1 and not book.chapters[0].title:
        plain = plain_book(text)
        book = replace(plain, text_format="markdown") if len(plain.chapters) > 1 else book
    return book
