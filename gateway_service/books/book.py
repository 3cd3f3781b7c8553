"""A book as it is read aloud: its chapters in order, title, author, language and cover.

BookError
├── ProtectedBook    encrypted for one shop's readers (DRM)
└── DamagedBook      not readable as its file type
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
    """is_title: the text holds nothing but titles, such as "Part One"."""

    title: str
    text: str
    is_title: bool = False


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
_MAX_NUMBER = 4  # letters and digits before a title that are its number
_MAX_LEVEL = 2
_BYLINE = re.compile(r"[Bb][Yy]\s+[A-Z].{0,58}[^.!?]")


def with_speech(chapters: Iterable[Chapter], book_title: str = "") -> tuple[Chapter, ...]:
    """Those that hold something to say; a title without a text begins the next chapter.

    A first chapter without a title gets the book's. Raises BookError for none, and for too many.
    """
    kept = [*_with_titles_joined((c for c in chapters if letters_of(c.text)), book_title)]
    if not kept:
        raise BookError("the book holds no text that can be read aloud")
    if len(kept) > MAX_CHAPTERS:
        raise BookError(f"the book has {len(kept)} chapters, at most {MAX_CHAPTERS} are read")
    if not kept[0].title and len(kept) > 1:
        kept[0] = replace(kept[0], title=book_title)
    return tuple(kept)


def _with_titles_joined(chapters: Iterable[Chapter], book_title: str) -> Iterator[Chapter]:
    """A chapter of a second is no chapter: it begins the next one, or ends the last one."""
    last: Chapter | None = None  # held back for titles at the end
    titles: list[Chapter] = []
    for chapter in chapters:
        if chapter.is_title or _is_title(chapter, book_title):
            titles.append(chapter)
            continue
        if last:
            yield last
        text = "\n\n".join([title.text for title in titles] + [chapter.text])
        last, titles = Chapter(_joined_title(titles, chapter, book_title), text), []
    if titles:
        before = [last] if last else []
        text = "\n\n".join(chapter.text for chapter in before + titles)
        last = Chapter((last or titles[0]).title, text)
    if last:
        yield last


def _is_title(chapter: Chapter, book_title: str) -> bool:
    """True if the text is the title again, perhaps after its number."""
    lines = (line for line in chapter.text.splitlines() if not _BYLINE.fullmatch(line.strip()))
    letters = letters_of("".join(lines))
    has_number = "\n" not in chapter.text.strip()  # perhaps: "2 The Lamp"
    return any(
        letters == title
        or (has_number and letters.endswith(title) and len(letters) - len(title) <= _MAX_NUMBER)
        for title in map(letters_of, (chapter.title, book_title))
        if title
    )


def _joined_title(titles: Sequence[Chapter], chapter: Chapter, book_title: str) -> str:
    """ "Part One: The Ferry"; the book's own title is left out."""
    before = titles[-1].title if titles else ""
    if not before or letters_of(before) == letters_of(book_title):
        return chapter.title
    is_repeated = letters_of(chapter.title).startswith(letters_of(before))
    return chapter.title if is_repeated else ": ".join(filter(None, [before, chapter.title]))


def letters_of(text: str) -> str:
    """The letters and digits of a text, by which titles are compared."""
    return "".join(filter(str.isalnum, text)).casefold()


def heading_depth(headings: Sequence[tuple[int, bool]], *, is_book: bool = True) -> int:
    """The deepest level of the headings at which chapters begin: 2, or deeper where only these have
    a text below them.

    headings: the level of each, and whether it has a text of its own. is_book: they are those of a
    whole book, of which a single heading is the title.
    """
    levels = sorted({level for level, _ in headings})
    depth = max([level for level in levels if level <= _MAX_LEVEL], default=min(levels, default=0))
    for deeper in [level for level in levels if level > depth]:
        has_text = any(has_text for level, has_text in headings if level == depth)
        is_title = is_book and sum(level <= depth for level, _ in headings) == 1
        if has_text and not is_title:
            break
        depth = deeper
    return depth
