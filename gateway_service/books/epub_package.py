"""The package document of an EPUB, its table of contents and its landmarks."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from gateway_service.books.book import DamagedBook
from gateway_service.books.epub_archive import Archive

_COVER_NAME = re.compile(r"(?:.*[^a-z])?cover(?:[^a-z].*)?|.*coverimage.*", re.IGNORECASE)
_NO_DOCUMENTS = ("audio/", "font/", "image/", "video/", "text/css")
Attributes = Mapping[str, str]


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


def read_package(root: ElementTree.Element, path: str) -> Package:
    """path: of the package document. Raises DamagedBook."""
    items = {e.get("id", ""): e.attrib for e in root.iter() if _tag(e) == "item"}
    paths = {key: target(path, item.get("href", "")).path for key, item in items.items()}
    spine = next((e for e in root.iter() if _tag(e) == "spine"), None)
    if spine is None:
        raise DamagedBook("the EPUB has no spine, the list of its documents")

    def first_path(*properties: str, kind: str = "") -> str | None:
        return next(
            (
                paths[key]
                for key, item in items.items()
                if {*item.get("properties", "").split()} & {*properties}
                or (kind and item.get("media-type") == kind)
            ),
            None,
        )

    return Package(
        title=_title(root),
        author=", ".join(_authors(root)),
        language=next(_texts(root, "language"), ""),
        spine=tuple(_spine(spine, items, paths)),
        navigation=first_path("nav"),
        ncx=paths.get(spine.get("toc", "")) or first_path(kind="application/x-dtbncx+xml"),
        cover=first_path("cover-image") or _named_cover(root, items, paths),
        guide=tuple(
            (e.get("type", "").lower(), target(path, e.get("href", "")))
            for e in root.iter()
            if _tag(e) == "reference"
        ),
    )


def _spine(
    spine: ElementTree.Element, items: Mapping[str, Attributes], paths: Mapping[str, str]
) -> Iterator[str]:
    """Documents beside the text, such as notes, are linear="no"; some books have no others."""
    references = [e for e in spine if _tag(e) == "itemref"]
    linear = [e for e in references if e.get("linear") != "no"] or references
    for key in dict.fromkeys(e.get("idref", "") for e in linear):
        if key in items and not items[key].get("media-type", "").startswith(_NO_DOCUMENTS):
            yield paths[key]


def _named_cover(
    root: ElementTree.Element, items: Mapping[str, Attributes], paths: Mapping[str, str]
) -> str | None:
    """The cover of EPUB 2, by its <meta>, or by its name."""
    named = [
        e.get("content", "") for e in root.iter() if _tag(e) == "meta" and e.get("name") == "cover"
    ]
    if found := next((paths[key] for key in named if key in paths), None):
        return found
    for key, item in items.items():
        names = (key, posixpath.basename(paths[key]))
        if item.get("media-type", "").startswith("image/") and any(
            map(_COVER_NAME.fullmatch, names)
        ):
            return paths[key]
    return None


def _refinements(root: ElementTree.Element) -> dict[tuple[str, str], str]:
    """What EPUB 3 says of an element, by its id and the property."""
    return {
        (e.get("refines", "").removeprefix("#"), e.get("property", "")): _text(e)
        for e in root.iter()
        if _tag(e) == "meta" and e.get("refines")
    }


def _title(root: ElementTree.Element) -> str:
    """The main title. A book may have a subtitle and others as well."""
    types = _refinements(root)
    titles = [e for e in root.iter() if _tag(e) == "title" and _text(e)]
    main = [e for e in titles if types.get((e.get("id", ""), "title-type")) == "main"]
    return _text((main or titles)[0]) if titles else ""


def _authors(root: ElementTree.Element) -> list[str]:
    """The creators that are authors, or all if none is said to be."""
    roles = _refinements(root)
    creators = [e for e in root.iter() if _tag(e) == "creator" and _text(e)]

    def role(creator: ElementTree.Element) -> str:
        return _attribute(creator, "role") or roles.get((creator.get("id", ""), "role"), "aut")

    authors = [e for e in creators if role(e) in ("aut", "author")] or creators
    return list(dict.fromkeys(map(_text, authors)))


def read_contents(
    archive: Archive, package: Package
) -> tuple[list[Entry], list[tuple[str, Target]]]:
    """Entries of the table of contents, and landmarks by type; none if they are damaged."""
    landmarks: list[tuple[str, Target]] = []
    if (root := _readable(archive, package.navigation)) is not None:
        navigation = package.navigation or ""
        entries, untyped = list[Entry](), list[Entry]()
        for nav in (e for e in root.iter() if _tag(e) == "nav"):
            kinds = _attribute(nav, "type").split()
            links = [e for e in nav.iter() if _tag(e) == "a" and e.get("href")]
            found = [Entry(_text(e), target(navigation, e.get("href", ""))) for e in links]
            if "toc" in kinds:
                entries += found
            elif "landmarks" in kinds:
                for link, entry in zip(links, found, strict=True):
                    types = _attribute(link, "type").split()
                    landmarks += [(kind, entry.target) for kind in types]
            elif not kinds and not untyped:
                untyped = found
        if entries or untyped:
            return entries or untyped, landmarks
    if (root := _readable(archive, package.ncx)) is not None:
        points = (e for e in root.iter() if _tag(e) == "navPoint")
        return [
            Entry(_point_title(point), target(package.ncx or "", source))
            for point in points
            if (source := next((e.get("src", "") for e in point if _tag(e) == "content"), ""))
        ], landmarks
    return [], landmarks


def _readable(archive: Archive, path: str | None) -> ElementTree.Element | None:
    """The document at a path, None if there is none or it is not well-formed."""
    if not path or path not in archive:
        return None
    try:
        return archive.xml(path)
    except DamagedBook:
        return None


def _point_title(point: ElementTree.Element) -> str:
    return next((_text(e) for e in point if _tag(e) == "navLabel"), "")


def target(base: str, href: str) -> Target:
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


def _texts(root: ElementTree.Element, name: str) -> Iterator[str]:
    return (text for e in root.iter() if _tag(e) == name and (text := _text(e)))
