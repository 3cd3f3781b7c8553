"""The encodings of books: what is declared, else UTF-8, else Windows-1252."""

import re

from gateway_service.books.book import DamagedBook

_XML = re.compile(rb"""<\?xml[^>]{0,100}encoding=["']([\w.-]{1,40})["']""")
_META = re.compile(rb"""<meta\s[^>]{0,200}?charset\s*=\s*["']?([\w.-]{1,40})""", re.IGNORECASE)
_HEAD = 4096  # bytes in which a document declares its encoding
_MAX_FOREIGN = 0.1  # share of bytes over 127 in a text of Windows-1252; other scripts have more
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def decoded_html(content: bytes) -> str:
    """A document of HTML, whose faulty characters are replaced."""
    if content.startswith(_BYTE_ORDER_MARKS):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = _XML.search(content[:_HEAD]) or _META.search(content[:_HEAD])
    try:
        # "latin-1" means Windows-1252 on the web (https://encoding.spec.whatwg.org/#names-and-labels)
        name = declared[1].decode().lower() if declared else "utf-8"
        name = "windows-1252" if name in ("latin-1", "latin1", "iso-8859-1", "us-ascii") else name
        return content.decode(name, errors="replace")
    except (LookupError, UnicodeError):  # idna is no encoding of documents
        return content.decode("utf-8-sig", errors="replace")


def decoded_text(content: bytes) -> str:
    """A text in UTF-8, in UTF-16 with a byte order mark, or in Windows-1252.

    Raises DamagedBook for a file that is no text, and for a text in another encoding.
    """
    try:
        is_wide = content.startswith(_BYTE_ORDER_MARKS)
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = _windows_1252(content)
    if "\0" in text:
        raise DamagedBook("the file is not text; give an EPUB, HTML, Markdown or text file")
    return text


def _windows_1252(content: bytes) -> str:
    foreign = sum(map(content.count, map(bytes, ([byte] for byte in range(128, 256)))))
    try:
        if b"\0" not in content and foreign <= _MAX_FOREIGN * len(content):
            return content.decode("windows-1252")
    except UnicodeDecodeError:
        pass
    raise DamagedBook("the file is not UTF-8 text; save it as UTF-8 and try again") from None
