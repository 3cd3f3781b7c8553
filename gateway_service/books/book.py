"""A book as it is read aloud: its chapters in order, title, author, language and cover.

BookError
├── ProtectedBook    encrypted for one shop's readers (DRM)
└── DamagedBook      not readable as its file type
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.text.markup import TextFormat

MAX_BOOK_BYTES = 200 * 2**20
MAX_CHAPTERS = 1000


class BookError(Exception):
    """The file cannot be read aloud. The message is one line with the remedy."""


class ProtectedBook(BookError):
    pass


class DamagedBook(BookError):
    pass


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str


@dataclass(frozen=True)
class Book:
    """chapters: none empty. text_format: of their texts. cover: a PNG or JPEG file, or None."""

    chapters: tuple[Chapter, ...]
    title: str = ""
    author: str = ""
    language: str = ""
    cover: bytes | None = None
    text_format: TextFormat = "plain"

    def chosen(self, numbers: set[int]) -> "Book":
        """The book with these chapters alone, counted from 1. Raises BookError for others."""
        if absent := sorted(numbers - set(range(1, len(self.chapters) + 1))):
            raise BookError(
                f"no chapter {absent[0]}; the book has chapters 1 to {len(self.chapters)}"
            )
        kept = tuple(c for n, c in enumerate(self.chapters, start=1) if n in numbers)
        return replace(self, chapters=kept)


def chapter_numbers(chosen: str) -> set[int]:
    """The numbers in a list such as "1-3,7". Raises BookError."""
    numbers: set[int] = set()
    for part in chosen.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not (_NUMBER.fullmatch(first) and (_NUMBER.fullmatch(last) or not dash)):
            raise BookError(
                f"{part[:40]!r} is not a chapter or a range of chapters, such as 3 or 5-7"
            )
        start, stop = int(first), int(last or first)
        if not 1 <= start <= stop <= MAX_CHAPTERS:
            raise BookError(
                f"{part[:40]!r}: chapters are counted from 1 to at most {MAX_CHAPTERS}, the lower "
                "number first"
            )
        numbers.update(range(start, stop + 1))
    return numbers


_NUMBER = re.compile(r"[0-9]{1,4}")
_HEADING = re.compile(
    r"(?:chapter|part|book|canto|act|letter|stave)\s+(?:\d{1,3}|[ivxlc]{1,8}|[a-z]{3,12})\b.{0,60}"
    r"|(?:prologue|epilogue|preface|introduction|foreword|afterword|conclusion)\b.{0,40}",
    re.IGNORECASE,
)
_MARKDOWN_HEADING = re.compile(r"(#{1,2})\s+(.+?)\s*#*\s*")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


def plain_book(text: str) -> Book:
    """Chapters begin at headings such as "Chapter 3" or "Prologue" that stand alone."""
    lines = text.splitlines()
    starts = [
        at
        for at, line in enumerate(lines)
        if _HEADING.fullmatch(line.strip())
        and (at == 0 or not lines[at - 1].strip())
        and (at + 1 == len(lines) or not lines[at + 1].strip())
    ]
    chapters = _cut(lines, [(at, lines[at].strip()) for at in starts])
    return Book(chapters, text_format="auto")


def markdown_book(text: str) -> Book:
    """Chapters begin at headings of the first two levels; a single # at the top is the title."""
    lines = text.splitlines()
    headings: list[tuple[int, int, str]] = []
    is_code = False
    for at, line in enumerate(lines):
        if _FENCE.match(line):
            is_code = not is_code
        elif not is_code and (heading := _MARKDOWN_HEADING.fullmatch(line)):
            headings.append((at, len(heading[1]), heading[2]))
    title = ""
    firsts = [level for _, level, _ in headings if level == 1]
    if len(firsts) == 1 and headings[0][1] == 1 and len(headings) > 1:
        title = headings.pop(0)[2]
    chapters = _cut(lines, [(at, name) for at, _, name in headings])
    return Book(chapters, title=title, text_format="markdown")


def _cut(lines: list[str], starts: list[tuple[int, str]]) -> tuple[Chapter, ...]:
    """(line, title) of each chapter's heading, which is read with its chapter."""
    edges = [(0, ""), *starts, (len(lines), "")]
    chapters = (
        Chapter(title, "\n".join(lines[start:stop]).strip())
        for (start, title), (stop, _) in pairwise(edges)
    )
    return with_speech(chapters)


def with_speech(chapters: Iterable[Chapter]) -> tuple[Chapter, ...]:
    """Those that hold something to say. Raises BookError for none, and for too many."""
    kept = tuple(c for c in chapters if any(map(str.isalnum, c.text)))
    if not kept:
        raise BookError("the book holds no text that can be read aloud")
    if len(kept) > MAX_CHAPTERS:
        raise BookError(f"the book has {len(kept)} chapters, at most {MAX_CHAPTERS} are read")
    return kept
