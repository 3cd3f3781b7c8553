"""HTML as plain text to be read aloud: blocks apart by blank lines, and where each id begins."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from gateway_service.books.html_elements import (
    BLOCKS,
    HEADINGS,
    MATH_TOKENS,
    MATH_WORDS,
    NOTE_TAGS,
    VOID,
    is_note_reference,
    is_unspoken,
    spoken_alternative,
    without_prefix,
)
from gateway_service.books.html_notes import Link, NoteMarks, spoken_superscript

_BREAK = "\ue000"  # stands for <br> until the end of a block
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # soft hyphens and the like
_EMPTY_BRACKETS = re.compile(r" ?(?:\[\s*\]|\(\s*\))")  # of a note's mark that was left out
_CONTENTS = re.compile(r"(?:table of )?contents\W*", re.IGNORECASE)
_MIN_ENTRIES = 3  # of a table of contents
_MAX_DEPTH = 200
_MAX_TITLE = 1000  # characters
_IMPLIED = frozenset(["dd", "dt", "li", "option", "td", "th", "tr"])  # end where the next begins
_LINKED = 0.8  # share of the letters of such an entry


@dataclass
class HtmlText:
    """blocks: paragraphs, headings, lines of lists and tables; "" in place of a table of contents.
    ids: the block in which the element with an id begins. headings: the levels of the blocks that
    are headings. images: their addresses. main: the blocks of the page's only <article> or <main>.
    """

    title: str = ""
    author: str = ""
    language: str = ""
    blocks: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    headings: dict[int, int] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    main: range | None = None

    def text(self, start: int = 0, stop: int | None = None) -> str:
        return "\n\n".join(filter(None, self.blocks[start:stop]))

    def is_title(self, start: int = 0, stop: int | None = None) -> bool:
        """True if these blocks are headings alone."""
        positions = range(*slice(start, stop).indices(len(self.blocks)))
        return all(at in self.headings for at in positions if self.blocks[at])


def read_html(text: str) -> HtmlText:
    """Any HTML or XHTML will do; unknown tags are passed over, entities are characters."""
    return _Reader(text.replace(_BREAK, "")).read()


@dataclass
class _Element:
    """An open element. unspoken: so is its content. children: those that have begun."""

    tag: str
    unspoken: bool
    ids: frozenset[str]
    first: int  # block in which it begins
    children: int = 0


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._text = text
        # The parser would look for each missing end anew, which takes quadratic time.
        self._last_comment, self._last_section = text.rfind("-->"), text.rfind("]>")
        self._found = HtmlText()
        self._parts: list[str] = []
        self._open: list[_Element] = []
        self._counts: Counter[str] = Counter()  # of the open elements
        self._heading = 0  # level of the heading that is open
        self._in_title = False
        self._link: Link | None = None
        self._superscript: list[str] | None = None
        self._notes = NoteMarks()
        self._is_note = False  # the block is one
        self._linked = 0  # letters of the block in links within the book
        self._entries: set[int] = set()  # blocks that are such links
        self._areas: dict[str, list[range]] = {"article": [], "main": []}

    def read(self) -> HtmlText:
        end = self._text.rfind(">") + 1  # beyond it are no tags
        self.feed(self._text[:end])
        self.close()
        self.handle_data(unescape(self._text[end:]))
        self._end_block()
        self._blank_contents()
        for areas in self._areas.values():
            if (
                self._found.main is None
                and len(areas) == 1
                and self._found.blocks[areas[0].start :]
            ):
                self._found.main = areas[0]
        return self._found

    def parse_html_declaration(self, i: int) -> int:
        """Past a declaration; a malformed one, such as "<![", is a comment."""
        is_open = (self.rawdata.startswith("<!--", i) and i > self._last_comment) or (
            self.rawdata.startswith("<![", i) and i > self._last_section
        )
        if is_open:
            return self.parse_bogus_comment(i)
        try:
            return super().parse_html_declaration(i)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data.removeprefix("CDATA[").removesuffix("]]"))

    def handle_comment(self, data: str) -> None:
        """Later versions of Python take CDATA for a comment."""
        self.unknown_decl(data.removeprefix("["))

    # Elements

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        tag, attributes = without_prefix(tag), {name: value or "" for name, value in attrs}
        if tag in BLOCKS or (tag == "br" and self._parts and self._parts[-1] == _BREAK):
            self._end_block()
        ids = frozenset(attributes[name] for name in ("id", "name") if attributes.get(name))
        for name in ids:
            self._found.ids.setdefault(name, len(self._found.blocks))
        self._read_metadata(tag, attributes)
        if tag in HEADINGS:
            self._heading = int(tag[1])
        if tag in ("img", "image"):
            source = attributes.get("src") or attributes.get("xlink:href") or attributes.get("href")
            self._found.images.append(source or "")
        self._begin_inline(tag, attributes)
        if tag == "a":
            self._begin_link(attributes, ids)
        if tag not in VOID:
            unspoken = (
                self._is_unspoken
                or is_unspoken(tag, attributes)
                or (tag in NOTE_TAGS and self._notes.are(ids))
            )
            self._push(_Element(tag, unspoken, ids, len(self._found.blocks)))

    def _push(self, element: _Element) -> None:
        """Open an element. Beyond _MAX_DEPTH it counts as part of the one around it."""
        if self._open and element.tag in BLOCKS and self._open[-1].tag == "p":
            self._close("p")  # HTML lets </p> and </li> be left out
        elif self._open and element.tag in _IMPLIED and self._open[-1].tag == element.tag:
            self._close(element.tag)
        if len(self._open) < _MAX_DEPTH:
            self._open.append(element)
            self._counts[element.tag] += 1

    def _close(self, tag: str) -> None:
        """Close the innermost open element of that name, and those within it."""
        while self._counts[tag]:
            element = self._open.pop()
            self._counts[element.tag] -= 1
            if element.tag in self._areas:
                self._areas[element.tag].append(range(element.first, len(self._found.blocks)))
            if element.tag == tag:
                return

    def _begin_inline(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._is_unspoken:
            return
        if self._open:
            parent = self._open[-1]
            parent.children += 1
            if parent.tag in MATH_WORDS and parent.children == 2:
                self._parts.append(MATH_WORDS[parent.tag])
        if tag == "br" and self._parts:
            self._parts.append(_BREAK)
        elif tag in ("td", "th") and self._parts:
            self._parts.append(", ")
        elif tag == "msqrt":
            self._parts.append(" the square root of ")
        elif tag in MATH_TOKENS:
            self._parts.append(" ")
        elif tag == "sup":
            self._superscript = []
        if alternative := spoken_alternative(tag, attributes):
            self._parts.append(alternative)

    def _begin_link(self, attributes: Mapping[str, str], ids: frozenset[str]) -> None:
        for element in reversed(self._open):
            if element.tag in BLOCKS:
                break
            ids |= element.ids
        self._link = Link(attributes.get("href", ""), ids, self._superscript is not None)
        if is_note_reference(attributes):
            self._notes.add(self._link)
            self._link.is_mark = True

    def _read_metadata(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "title":
            self._in_title = not self._counts["svg"] and len(self._found.title) < _MAX_TITLE
        elif tag == "html":
            self._found.language = attributes.get("lang") or attributes.get("xml:lang", "")
        elif tag == "meta" and attributes.get("name", "").lower() == "author":
            self._found.author = " ".join(attributes.get("content", "").split())

    def handle_endtag(self, tag: str) -> None:
        tag = without_prefix(tag)
        if tag == "title":
            self._in_title = False
        if tag == "a":
            self._end_link()
        if tag == "sup":
            self._end_superscript()
        if tag in BLOCKS:
            self._end_block()
        if tag in HEADINGS:
            self._heading = 0
        self._close(tag)

    # Text

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._found.title = " ".join((self._found.title + data[:_MAX_TITLE]).split())
            self._in_title = len(self._found.title) < _MAX_TITLE
        elif not self._is_unspoken:
            if self._counts["pre"]:
                data = data.replace("\n", _BREAK)
            if self._link is not None:
                self._link.parts.append(data)
            elif self._superscript is not None:
                self._superscript.append(data)
            else:
                self._parts.append(data)

    @property
    def _is_unspoken(self) -> bool:
        return bool(self._open) and self._open[-1].unspoken

    def _end_link(self) -> None:
        """Keeps a link's text, unless it is the mark of a note, or leads from a note back to it."""
        link, self._link = self._link, None
        if link is None:
            return
        if self._notes.is_way_back(link):
            self._is_note = True
        elif link.is_mark or self._notes.has_mark(link):
            self._notes.add(link)
        else:
            if link.is_internal:
                self._linked += sum(map(str.isalpha, link.text))
            (self._parts if self._superscript is None else self._superscript).append(link.text)

    def _end_superscript(self) -> None:
        if self._superscript is not None:
            text, self._superscript = "".join(self._superscript), None
            self._parts.append(spoken_superscript(text, self._parts[-1] if self._parts else ""))

    def _end_block(self) -> None:
        self._end_link()
        self._end_superscript()
        text, linked, is_note = "".join(self._parts), self._linked, self._is_note
        self._parts, self._linked, self._is_note = [], 0, False
        if is_note:
            return
        text = _EMPTY_BRACKETS.sub("", _INVISIBLE.sub("", text))
        lines = [" ".join(line.split()) for line in text.split(_BREAK)]
        for block in "\n".join(lines).strip("\n").split("\n\n"):
            if not any(map(str.isalnum, block)):
                continue
            if self._heading:
                self._found.headings[len(self._found.blocks)] = self._heading
            elif linked and linked >= _LINKED * sum(map(str.isalpha, text)):
                self._entries.add(len(self._found.blocks))
            self._found.blocks.append(block.strip("\n"))

    def _blank_contents(self) -> None:
        """Leave out tables of contents: links one after the other, and the heading before them."""
        blocks = self._found.blocks
        for first in sorted(self._entries):
            if first - 1 in self._entries:
                continue
            last = first
            while last + 1 in self._entries:
                last += 1
            if last - first + 1 >= _MIN_ENTRIES:
                blocks[first : last + 1] = [""] * (last + 1 - first)
                if first and _CONTENTS.fullmatch(blocks[first - 1]):
                    blocks[first - 1] = ""
        self._found.headings = {
            at: level for at, level in self._found.headings.items() if blocks[at]
        }
