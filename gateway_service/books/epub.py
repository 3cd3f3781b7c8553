"""Reads EPUB 2 and 3 (W3C "EPUB 3.3"; IDPF "OPF 2.0.1"): chapters by the table of contents."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO

from gateway_service.books.book import (
    Book,
    BookError,
    Chapter,
    DamagedBook,
    ProtectedBook,
    letters_of,
    with_speech,
)
from gateway_service.books.epub_archive import Archive
from gateway_service.books.epub_package import (
    Entry,
    Package,
    Target,
    read_contents,
    read_package,
    target,
)
from gateway_service.books.gutenberg import licence_blocks
from gateway_service.books.html_book import html_chapters
from gateway_service.books.html_text import HtmlText

MAX_COVER_BYTES = 4 * 2**20

_FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_SKIPPED_LANDMARKS = {
    *("cover", "toc", "titlepage", "title-page", "copyright-page", "loi", "lot", "index"),
    *("frontmatter", "landmarks", "page-list", "notes", "footnotes", "endnotes", "bibliography"),
}
_BEGINNINGS = {"bodymatter", "text", "start"}
_SKIPPED_TITLES = re.compile(
    r"(?:front )?cover(?: page| image)?|(?:half[ -]?)?title(?: ?page)?|copyright(?: page| notice)?"
    r"|(?:table of )?contents|imprint|colophon|uncopyright|list of (?:illustrations|figures|tables)"
    r"|index|(?:foot|end)?notes|transcriber[’']?s? notes?"
    r"|(?:the )?full project gutenberg licen[cs]e",
    re.IGNORECASE,
)
_FEW_ENTRIES = 2


def read_epub(data: bytes) -> Book:
    """Raises ProtectedBook, DamagedBook, BookError."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _read(Archive(archive))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise DamagedBook(f"the EPUB is damaged ({error}); get the file anew") from None
    except RuntimeError:  # a password
        raise ProtectedBook("the EPUB is encrypted; only books without DRM can be read") from None


def _read(archive: Archive) -> Book:
    _require_unprotected(archive)
    if "META-INF/container.xml" not in archive:
        _refuse_other_zip(archive)
    container = archive.xml("META-INF/container.xml")
    root = next(
        (e.get("full-path", "") for e in container.iter() if str(e.tag).endswith("rootfile")), ""
    )
    package = read_package(archive.xml(root), root)
    entries, landmarks = read_contents(archive, package)
    landmarks += package.guide
    spine = _without_front_matter(package.spine, landmarks, entries)
    chapters = [*_chapters(archive, spine, entries, package.title)]
    with_text = [chapter for chapter in chapters if not _SKIPPED_TITLES.fullmatch(chapter.title)]
    try:
        read = with_speech(with_text, package.title)
    except BookError:
        read = with_speech(chapters, package.title)
    cover = _cover(archive, package, landmarks)
    return Book(read, package.title, package.author, package.language, cover)


def _require_unprotected(archive: Archive) -> None:
    if "META-INF/rights.xml" in archive or "META-INF/sinf.xml" in archive:
        raise ProtectedBook("the EPUB is protected by DRM; only books without can be read")
    if "META-INF/encryption.xml" in archive:
        root = archive.xml("META-INF/encryption.xml")
        methods = {
            e.get("Algorithm") for e in root.iter() if str(e.tag).endswith("EncryptionMethod")
        }
        if methods - _FONT_ALGORITHMS:
            raise ProtectedBook("the EPUB is encrypted; only books without DRM can be read")


def _refuse_other_zip(archive: Archive) -> None:
    for path in ("word/document.xml", "content.xml"):
        if path in archive:
            raise DamagedBook(
                "the file is a document of a word processor, not an EPUB; save it as HTML or text"
            )


def _document(archive: Archive, path: str) -> HtmlText:
    document = archive.html(path)
    for at in licence_blocks(document.blocks):
        document.blocks[at] = ""
    return document


def _without_front_matter(
    spine: Sequence[str], landmarks: Sequence[tuple[str, Target]], entries: Sequence[Entry]
) -> list[str]:
    """The documents from where the text begins, without those that are not for reading aloud.

    EPUB 2 names only where a reader opens the book, so what the table of contents lists before that
    is kept.
    """
    skipped = {place.path for kind, place in landmarks if kind in _SKIPPED_LANDMARKS}
    beginnings = {place.path for kind, place in landmarks if kind in _BEGINNINGS}
    start = next((at for at, path in enumerate(spine) if path in beginnings), 0)
    if not any(kind == "bodymatter" for kind, _ in landmarks):
        listed = {entry.target.path for entry in entries}
        skipped |= {path for path in spine[:start] if path not in listed}
        start = 0
    skipped -= beginnings
    return [path for path in spine[start:] if path not in skipped] or [*spine]


Marks = list[tuple[int, str]]
"""Blocks of a document at which chapters begin, and their titles."""


def _entries_by_path(spine: Sequence[str], entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """A table of contents by document; empty if it leads to almost none."""
    found: dict[str, list[Entry]] = {}
    documents = set(spine)
    for entry in entries:
        if entry.target.path in documents:
            found.setdefault(entry.target.path, []).append(entry)
    has_few = sum(map(len, found.values())) < _FEW_ENTRIES <= len(spine)
    return {} if has_few else found


def _marks(document: HtmlText, entries: Sequence[Entry]) -> Marks:
    """The blocks at which entries lead; that of its title for an entry whose id is missing."""
    titles = {letters_of(document.blocks[at]): at for at in reversed(document.headings)}
    marks: Marks = []
    for entry in entries:
        place = document.ids.get(entry.target.fragment) if entry.target.fragment else 0
        if place is None:
            place = titles.get(letters_of(entry.title), None if marks else 0)
        if place is not None:
            marks.append((place, entry.title))
    return sorted(marks, key=lambda mark: mark[0])


def _chapters(
    archive: Archive, spine: Sequence[str], entries: Sequence[Entry], book_title: str
) -> Iterator[Chapter]:
    """Each from its entry's place to the next one's, over document borders."""
    listed = _entries_by_path(spine, entries)
    title, parts, is_title = "", list[str](), True
    for path in spine:
        document = _document(archive, path)
        marks = (
            _marks(document, listed.get(path, [])) if listed else _own_marks(document, book_title)
        )
        if _SKIPPED_TITLES.fullmatch(title):  # a cover ends with its document
            yield Chapter(title, "\n\n".join(filter(None, parts)))
            title, parts, is_title = "", [], True
        at = 0
        for start, name in marks:
            parts.append(document.text(at, start))
            is_title = is_title and document.is_title(at, start)
            if any(parts):
                yield Chapter(title, "\n\n".join(filter(None, parts)), is_title)
                title, parts, is_title = name, [], True
            else:  # a part's entry that leads to the same place as its first chapter's
                title, parts = name or title, []
            at = start
        parts.append(document.text(at))
        is_title = is_title and document.is_title(at)
    yield Chapter(title, "\n\n".join(filter(None, parts)), is_title)


def _own_marks(document: HtmlText, book_title: str) -> Marks:
    """The places of a document's headings. One without headings continues the chapter before it,
    unless it has a title of its own."""
    marks = [(start, title) for start, title in html_chapters(document, is_book=False) if title]
    if marks or letters_of(document.title) in ("", letters_of(book_title), "unknown"):
        return marks
    return [(0, document.title)]


def _cover(
    archive: Archive, package: Package, landmarks: Sequence[tuple[str, Target]]
) -> bytes | None:
    """The cover if it is a PNG or JPEG file of moderate size."""
    path = package.cover or ""
    page = next((place.path for kind, place in landmarks if kind == "cover"), "")
    try:
        if not path and page in archive and (images := archive.html(page).images):
            path = target(page, images[0]).path
        if not path or path not in archive:
            return None
        image = archive.read(path, MAX_COVER_BYTES)
    except BookError:
        return None
    return image if image.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) else None
