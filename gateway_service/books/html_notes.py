"""Marks of notes in a book's HTML, and the notes that they lead to: neither is read aloud."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_MARKS = "*†‡§¶↩↑⏎^\ufe0e"  # \ufe0e makes the arrow before it no emoji
_MAX_MARK = 4  # characters of a mark in superscript
_AFTER_WORD = re.compile(r"(?:[^\W\d_]{3,}|[.,;:!?…”’\"')\]])\Z")
_UNITS = ("cm", "dm", "ft", "in", "km", "mi", "mm", "yd")
_SUPERSCRIPTS = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")


@dataclass
class Link:
    """ids: of the link, and of the inline elements around it. is_mark: it is called the mark of a
    note."""

    href: str
    ids: frozenset[str]
    is_superscript: bool
    is_mark: bool = False
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def fragment(self) -> str:
        return unquote(self.href.partition("#")[2])

    @property
    def is_internal(self) -> bool:
        """True if it leads to a place in the book."""
        return bool(self.href) and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", self.href)


class NoteMarks:
    """The marks of notes that a document has had so far, and the ids of their notes."""

    def __init__(self) -> None:
        self._marks: set[str] = set()
        self._notes: set[str] = set()

    def add(self, link: Link) -> None:
        self._marks |= link.ids
        if link.fragment:
            self._notes.add(link.fragment)

    def are(self, ids: frozenset[str]) -> bool:
        """True if one of the ids is that of a note."""
        return not self._notes.isdisjoint(ids)

    def is_way_back(self, link: Link) -> bool:
        """True if a link leads from a note back to its mark."""
        return link.fragment in self._marks

    @staticmethod
    def has_mark(link: Link) -> bool:
        """True if the text of a link is a mark, such as [4], 12 or *, or [a] in superscript."""
        text = link.text.strip()
        mark = text.strip("[]() ")
        if link.is_superscript and link.fragment and len(text) <= _MAX_MARK:
            return True
        is_letter = text == f"[{mark}]" and len(mark) == 1  # a comment of Google Docs
        return is_letter or mark.isdigit() or bool(mark and not mark.strip(_MARKS))


def spoken_superscript(text: str, before: str) -> str:
    """The text of <sup> as it is read: "" for a mark of a note. before: the text before it."""
    mark = text.strip().strip("[]()")
    is_mark = mark.isdigit() or bool(mark and not mark.strip(_MARKS))
    if is_mark and _AFTER_WORD.search(before[-8:]) and not before.endswith(_UNITS):
        return ""
    if re.fullmatch(r"[+-]?[0-9]{1,3}|n", text.strip()):
        return text.strip().translate(_SUPERSCRIPTS)
    return text
