"""HTML as plain text to be read aloud: blocks apart by blank lines, and where each id begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

_BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody"),
        *("thead", "tr", "ul"),
    ]
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_UNSPOKEN = frozenset(
    [
        *(
            "audio",
            "canvas",
            "head",
            "iframe",
            "math",
            "noscript",
            "object",
            "script",
            "style",
            "svg",
        ),
        *("template", "video"),
    ]
)
_VOID = frozenset(
    [
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr"),
    ]
)
_UNSPOKEN_ROLES = frozenset(
    [
        *("cover", "footnote", "footnotes", "endnote", "endnotes", "noteref", "pagebreak", "toc"),
        *("landmarks", "page-list", "copyright-page", "titlepage", "index", "loi", "lot"),
    ]
)
"""Values of epub:type, and of role without its prefix doc-."""
_UNSPOKEN_CLASSES = frozenset(
    ["footnote", "footnotes", "endnote", "endnotes", "pagenum", "pg-boilerplate"]
)
"""Classes of Project Gutenberg's books; EPUB 2 and HTML have no epub:type."""
_ALTERNATIVES = {"img": "alt", "math": "alttext"}
"""Attributes whose text is spoken in place of an element."""
_NOTE_MARKS = "*†‡§¶"


@dataclass
class HtmlText:
    """blocks: paragraphs, headings, lines of lists and tables. ids: the block in which the element
    with an id begins. headings: the blocks that are headings."""

    title: str = ""
    author: str = ""
    language: str = ""
    blocks: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    headings: list[int] = field(default_factory=list)

    def text(self, start: int = 0, stop: int | None = None) -> str:
        return "\n\n".join(self.blocks[start:stop])


def read_html(text: str) -> HtmlText:
    """Any HTML or XHTML will do; unknown tags are passed over, entities are characters."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = HtmlText()
        self._parts: list[str] = []
        self._open: list[tuple[str, bool]] = []  # tags, and whether their content is unspoken
        self._heading = False
        self._in_title = False
        self._link: list[str] | None = None  # text of the link that is open

    def parse_html_declaration(self, i: int) -> int:
        """Past a declaration; a malformed one, such as "<![", is a comment."""
        try:
            return super().parse_html_declaration(i)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self.end_block()
        for name in ("id", "name"):
            if attributes.get(name):
                self.found.ids.setdefault(attributes[name], len(self.found.blocks))
        self._read_metadata(tag, attributes)
        if tag in _HEADINGS:
            self._heading = True
        if tag in ("br", "td", "th") and self._parts:
            self._parts.append(" " if tag == "br" else ", ")
        if tag in _ALTERNATIVES and not self._is_unspoken:
            self._parts.append(f" {attributes.get(_ALTERNATIVES[tag], '')} ")
        if tag == "a":
            self._link = []
        if tag not in _VOID:
            kinds = attributes.get("epub:type", "").split()
            kinds += [role.removeprefix("doc-") for role in attributes.get("role", "").split()]
            unspoken = (
                self._is_unspoken
                or tag in _UNSPOKEN
                or not _UNSPOKEN_ROLES.isdisjoint(kinds)
                or not _UNSPOKEN_CLASSES.isdisjoint(attributes.get("class", "").split())
                or "hidden" in attributes
                or attributes.get("aria-hidden") == "true"
            )
            self._open.append((tag, unspoken))

    def _read_metadata(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "title":
            self._in_title = True
        elif tag == "html":
            self.found.language = attributes.get("lang") or attributes.get("xml:lang", "")
        elif tag == "meta" and attributes.get("name", "").lower() == "author":
            self.found.author = " ".join(attributes.get("content", "").split())

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag == "a":
            self._end_link()
        if tag in _BLOCKS:
            self.end_block()
        if tag in _HEADINGS:
            self._heading = False
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == tag:
                del self._open[at:]
                break

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.found.title = " ".join((self.found.title + data).split())
        elif not self._is_unspoken:
            (self._parts if self._link is None else self._link).append(data)

    @property
    def _is_unspoken(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _end_link(self) -> None:
        """Keeps a link's text, unless it is the mark of a note: [4], 12, *."""
        if self._link is not None:
            text = "".join(self._link)
            mark = text.strip().strip("[]()")
            if not (mark.isdigit() or (mark and not mark.strip(_NOTE_MARKS))):
                self._parts.append(text)
        self._link = None

    def end_block(self) -> None:
        self._end_link()
        block = " ".join("".join(self._parts).split())
        self._parts = []
        if any(map(str.isalnum, block)):
            if self._heading:
                self.found.headings.append(len(self.found.blocks))
            self.found.blocks.append(block)
