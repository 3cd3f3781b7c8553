"""Reads EPUB 2 and 3 (W3C "EPUB 3.3"; IDPF "OPF 2.0.1"): chapters by the table of contents."""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5
from io import BytesIO
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

from gateway_service.books.book import (
    Book,
    BookError,
    Chapter,
    DamagedBook,
    ProtectedBook,
    with_speech,
)
from gateway_service.books.html_text import HtmlText, read_html

MAX_MEMBER_BYTES = 16 * 2**20
"""Of one unpacked document or image."""
MAX_UNPACKED_BYTES = 48 * 2**20
"""Of all documents that are read. As text they take several times as much memory."""
MAX_MEMBERS = 20_000
MAX_DEPTH = 200  # of elements in the package and the table of contents
MAX_COVER_BYTES = 4 * 2**20

_FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HTML_ENTITY = re.compile(rb"&([A-Za-z]{2,8});")
_XML_ENTITIES = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}encoding=["']([\w.-]{1,40})["']""")
_SKIPPED_LANDMARKS = {
    *("cover", "toc", "titlepage", "title-page", "copyright-page", "loi", "lot", "index"),
    *("frontmatter", "landmarks", "page-list", "notes", "footnotes", "endnotes", "bibliography"),
}
_BEGINNINGS = {"bodymatter", "text", "start"}


class Target(NamedTuple):
    """A place in the book: a document of the archive, and an id in it, or ""."""

    path: str
    fragment: str


class Entry(NamedTuple):
    title: str
    target: Target


@dataclass(frozen=True)
class Package:
    """The parts of the package document that matter here."""

    title: str
    author: str
    language: str
    spine: tuple[str, ...]
    """Paths of the documents in reading order."""
    navigation: str | None
    ncx: str | None
    cover: str | None
    guide: tuple[tuple[str, Target], ...]


def read_epub(data: bytes) -> Book:
    """Raises ProtectedBook, DamagedBook, BookError."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _read(_Archive(archive))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise DamagedBook(f"the EPUB is damaged ({error}); get the file anew") from None
    except RuntimeError:  # a password
        raise ProtectedBook("the EPUB is encrypted; only books without DRM can be read") from None


class _Archive:
    """Members of the zip by path, read within the limits."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        if len(archive.namelist()) > MAX_MEMBERS:
            raise BookError(f"the EPUB holds over {MAX_MEMBERS:,} files")
        self._archive, self._left = archive, MAX_UNPACKED_BYTES
        self._by_lower_case = {name.lower(): name for name in archive.namelist()}

    def __contains__(self, path: str) -> bool:
        return self._name(path) is not None

    def _name(self, path: str) -> str | None:
        """The member at a path; some archives hold it percent-encoded or in another case."""
        names = self._archive.NameToInfo
        for name in (path, quote(path)):
            if name in names:
                return name
        return self._by_lower_case.get(path.lower())

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
            parser.feed(_HTML_ENTITY.sub(_character, content))
            return parser.close()
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise DamagedBook(f"{path[:200]} is not well-formed XML: {error}") from None

    def html(self, path: str) -> HtmlText:
        content = self.read(path)
        _require_no_entities(content[:100_000], path)
        return read_html(_decoded(content))


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


def _character(entity: re.Match[bytes]) -> bytes:
    """The character reference of an entity that HTML has and XML lacks: `&nbsp;`."""
    character = html5.get(f"{entity[1].decode()};", "")
    if entity[1] in _XML_ENTITIES or len(character) != 1:
        return entity[0]
    return f"&#{ord(character)};".encode()


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    declared = _ENCODING.search(content[:200])
    try:
        return content.decode(declared[1].decode() if declared else "utf-8-sig", errors="replace")
    except (LookupError, UnicodeError):  # idna is no encoding of documents
        return content.decode("utf-8-sig", errors="replace")


def _read(archive: _Archive) -> Book:
    _require_unprotected(archive)
    container = archive.xml("META-INF/container.xml")
    root = next((e.get("full-path", "") for e in container.iter() if _tag(e) == "rootfile"), "")
    package = _package(archive.xml(root), root)
    entries, landmarks = _contents(archive, package)
    spine = _without_front_matter(package.spine, [*landmarks, *package.guide])
    chapters = with_speech(_chapters(archive, spine, entries))
    cover = None
    if package.cover and package.cover in archive:
        image = archive.read(package.cover)
        is_image = image.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))
        cover = image if is_image and len(image) <= MAX_COVER_BYTES else None
    return Book(chapters, package.title, package.author, package.language, cover)


def _require_unprotected(archive: _Archive) -> None:
    if "META-INF/rights.xml" in archive or "META-INF/sinf.xml" in archive:
        raise ProtectedBook("the EPUB is protected by DRM; only books without can be read")
    if "META-INF/encryption.xml" in archive:
        root = archive.xml("META-INF/encryption.xml")
        methods = {e.get("Algorithm") for e in root.iter() if _tag(e) == "EncryptionMethod"}
        if methods - _FONT_ALGORITHMS:
            raise ProtectedBook("the EPUB is encrypted; only books without DRM can be read")


def _package(root: ElementTree.Element, path: str) -> Package:
    items = {e.get("id"): e for e in root.iter() if _tag(e) == "item"}
    paths = {key: _target(path, item.get("href", "")).path for key, item in items.items()}

    def with_property(name: str) -> str | None:
        return next(
            (paths[k] for k, i in items.items() if name in i.get("properties", "").split()), None
        )

    meta_cover = next(
        (
            paths.get(e.get("content"))
            for e in root.iter()
            if _tag(e) == "meta" and e.get("name") == "cover"
        ),
        None,
    )
    spine = next((e for e in root.iter() if _tag(e) == "spine"), None)
    if spine is None:
        raise DamagedBook("the EPUB has no spine, the list of its documents")
    order = [e.get("idref") for e in spine if e.get("linear") != "no"]
    return Package(
        title=_first_text(root, "title"),
        author=", ".join(_texts(root, "creator")),
        language=_first_text(root, "language"),
        spine=tuple(paths[key] for key in order if key in paths),
        navigation=with_property("nav"),
        ncx=paths.get(spine.get("toc")) or _of_type(items, paths, "application/x-dtbncx+xml"),
        cover=with_property("cover-image") or meta_cover,
        guide=tuple(
            (e.get("type", "").lower(), _target(path, e.get("href", "")))
            for e in root.iter()
            if _tag(e) == "reference"
        ),
    )


def _of_type(
    items: dict[str | None, ElementTree.Element], paths: dict[str | None, str], kind: str
) -> str | None:
    return next((paths[k] for k, i in items.items() if i.get("media-type") == kind), None)


def _contents(archive: _Archive, package: Package) -> tuple[list[Entry], list[tuple[str, Target]]]:
    """Entries of the table of contents, and landmarks by type; none if they are damaged."""
    if (root := _readable(archive, package.navigation)) is not None:
        navigation = package.navigation or ""
        entries: list[Entry] = []
        landmarks: list[tuple[str, Target]] = []
        for nav in root.iter():
            if _tag(nav) != "nav":
                continue
            kinds = _attribute(nav, "type").split()
            links = [e for e in nav.iter() if _tag(e) == "a" and e.get("href")]
            for link in links:
                target = _target(navigation, link.get("href", ""))
                if "toc" in kinds:
                    entries.append(Entry(_text(link), target))
                elif "landmarks" in kinds:
                    landmarks += [(kind, target) for kind in _attribute(link, "type").split()]
        if entries:
            return entries, landmarks
    if (root := _readable(archive, package.ncx)) is not None:
        points = (e for e in root.iter() if _tag(e) == "navPoint")
        return [
            Entry(_point_title(point), _target(package.ncx or "", source))
            for point in points
            if (source := next((e.get("src", "") for e in point if _tag(e) == "content"), ""))
        ], []
    return [], []


def _readable(archive: _Archive, path: str | None) -> ElementTree.Element | None:
    """The document at a path, None if there is none or it is not well-formed."""
    if not path or path not in archive:
        return None
    try:
        return archive.xml(path)
    except DamagedBook:
        return None


def _point_title(point: ElementTree.Element) -> str:
    return next((_text(e) for e in point if _tag(e) == "navLabel"), "")


def _without_front_matter(
    spine: Sequence[str], landmarks: Sequence[tuple[str, Target]]
) -> list[str]:
    """The documents from where the text begins, without those that are not for reading aloud."""
    skipped = {target.path for kind, target in landmarks if kind in _SKIPPED_LANDMARKS}
    beginnings = {target.path for kind, target in landmarks if kind in _BEGINNINGS}
    start = next((at for at, path in enumerate(spine) if path in beginnings), 0)
    return [path for path in spine[start:] if path not in skipped - beginnings] or [*spine]


def _chapters(
    archive: _Archive, spine: Sequence[str], entries: Sequence[Entry]
) -> Iterator[Chapter]:
    """Each from its entry's target to the next one's, over document borders."""
    starts: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        starts.setdefault(entry.target.path, []).append((entry.target.fragment, entry.title))
    title, parts = "", list[str]()
    for path in spine:
        document = archive.html(path)
        named = starts.get(path, [])
        marks = sorted(
            ((document.ids.get(fragment, 0), name) for fragment, name in named),
            key=lambda mark: mark[0],
        )
        if not entries:
            marks = [(0, _own_title(document))]
        at = 0
        for start, name in marks:
            parts.append(document.text(at, start))
            if any(parts):
                yield Chapter(title, "\n\n".join(filter(None, parts)))
                title, parts = name, []
            else:  # a part's entry that leads to the same place as its first chapter's
                title, parts = name or title, []
            at = start
        parts.append(document.text(at))
    if any(parts):
        yield Chapter(title, "\n\n".join(filter(None, parts)))


def _own_title(document: HtmlText) -> str:
    return document.blocks[document.headings[0]] if document.headings else document.title


def _target(base: str, href: str) -> Target:
    """href: as it stands in the document `base`."""
    try:
        parts = urlsplit(href.strip())
    except ValueError:  # no address, and thus no document of the book
        return Target("", "")
    path = posixpath.normpath(posixpath.join("/", posixpath.dirname(base), unquote(parts.path)))
    return Target(path.lstrip("/") if parts.path else base, unquote(parts.fragment))


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attribute(element: ElementTree.Element, name: str) -> str:
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


def _text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _texts(root: ElementTree.Element, name: str) -> list[str]:
    return [text for e in root.iter() if _tag(e) == name and (text := _text(e))]


def _first_text(root: ElementTree.Element, name: str) -> str:
    return next(iter(_texts(root, name)), "")
