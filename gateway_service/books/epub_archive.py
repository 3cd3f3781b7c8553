"""The zip of an EPUB: its members by path, read within limits, and none with XML entities."""

import re
import unicodedata
import zipfile
from html.entities import html5
from urllib.parse import unquote
from xml.etree import ElementTree

from gateway_service.books.book import BookError, DamagedBook
from gateway_service.books.html_text import HtmlText, read_html
from gateway_service.books.text_encoding import decoded_html

MAX_MEMBER_BYTES = 16 * 2**20
"""Limit of one unpacked document or image."""
MAX_UNPACKED_BYTES = 48 * 2**20
"""Limit of all documents that are read. As text they take several times as much memory."""
MAX_MEMBERS = 20_000
MAX_DEPTH = 200  # of elements in the package and the table of contents

_CONTAINER = "META-INF/container.xml"
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_REFERENCE = re.compile(rb"&(#x?[0-9A-Fa-f]{1,8};|[A-Za-z][A-Za-z0-9]{1,31};)?")
_XML_ENTITIES = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_IMAGE_HEADS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


class Archive:
    """Members of the zip by path, read within the limits."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        if len(archive.namelist()) > MAX_MEMBERS:
            raise BookError(f"the EPUB holds over {MAX_MEMBERS:,} files")
        self._archive, self._left = archive, MAX_UNPACKED_BYTES
        self._names = {_key(name): name for name in archive.namelist()}
        self._folder = ""  # of an EPUB that was packed with the folder around it
        if _key(_CONTAINER) not in self._names:
            packed = (key for key in self._names if key.endswith("/" + _key(_CONTAINER)))
            self._folder = min(packed, key=len, default=_key(_CONTAINER)).removesuffix(
                _key(_CONTAINER)
            )

    def __contains__(self, path: str) -> bool:
        return self._name(path) is not None

    def _name(self, path: str) -> str | None:
        """The member at a path; some archives hold it percent-encoded or in another case."""
        names = self._archive.NameToInfo
        return path if path in names else self._names.get(self._folder + _key(path))

    def read(self, path: str, max_bytes: int = MAX_MEMBER_BYTES) -> bytes:
        if (name := self._name(path)) is None:
            raise DamagedBook(f"the EPUB lacks {path[:200]}, which it names")
        with self._archive.open(name) as member:
            content = member.read(min(max_bytes, self._left) + 1)
        self._left -= len(content)
        if len(content) > max_bytes or self._left < 0:
            raise BookError(
                f"{path[:200]} unpacks to more than {max_bytes >> 20} MiB, or the book to more "
                f"than {MAX_UNPACKED_BYTES >> 20} MiB"
            )
        return content

    def xml(self, path: str) -> ElementTree.Element:
        content = self.read(path)
        _require_no_entities(content, path)
        parser = ElementTree.XMLParser(target=_ShallowTree())
        try:
            is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
            parser.feed(content if is_wide else _REFERENCE.sub(_character, content))
            return parser.close()
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise DamagedBook(f"{path[:200]} is not well-formed XML: {error}") from None

    def html(self, path: str) -> HtmlText:
        """The document at a path; without text if it is an image or another file."""
        content = self.read(path)
        if content.startswith(_IMAGE_HEADS):
            return HtmlText()
        _require_no_entities(content[:100_000], path)
        return read_html(decoded_html(content))


class _ShallowTree(ElementTree.TreeBuilder):
    """Refuses documents whose nesting would make reading them quadratic."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"elements are nested over {MAX_DEPTH} deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


def _require_no_entities(content: bytes, path: str) -> None:
    """Raises BookError. In UTF-16 each letter has a zero byte beside it."""
    if _ENTITY.search(content.replace(b"\0", b"")):
        raise BookError(f"{path[:200]} declares XML entities, which are not supported")


def _character(reference: re.Match[bytes]) -> bytes:
    """A reference as XML knows it: `&nbsp;` by its number, and an `&` that is none escaped."""
    name = (reference[1] or b"").removesuffix(b";")
    if name.startswith(b"#") or name in _XML_ENTITIES:
        return reference[0]
    character = html5.get(f"{name.decode()};", "")
    if len(character) != 1:
        return b"&amp;" + reference[0][1:]
    return f"&#{ord(character)};".encode()


def _key(path: str) -> str:
    """Equal for all ways in which archives and documents write a path."""
    name = unicodedata.normalize("NFC", unquote(path.replace("\\", "/")))
    return name.removeprefix("./").casefold()
