"""Plain text as a book: chapters begin at headings that stand alone, such as "CHAPTER I"."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway_service.books.book import Book, Chapter, with_speech
from gateway_service.books.gutenberg import without_licence
from gateway_service.books.markdown_book import has_headings, markdown_book

_ONES = "one two three four five six seven eight nine"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBER_WORDS = (
    f"{_ONES} ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
    f"{_TENS} hundred first second third fourth fifth sixth seventh eighth ninth tenth last"
).split()
_WORDS = "|".join(_NUMBER_WORDS)
_WORD_NUMBER = rf"(?:the\s+)?(?:{_WORDS})(?:[\s-](?:{'|'.join(_ONES.split())}))?"
_ROMAN = "[IVXLC]{1,8}|[ivxlc]{1,8}"
_CHAPTER = re.compile(
    rf"(?i:(?P<kind>chapter|part|book|volume|canto|act|scene|letter|stave|section))\s+"
    rf"(?P<number>[0-9]{{1,3}}|{_ROMAN}|(?i:{_WORD_NUMBER}))(?P<title>(?:\s*[.:—–-]+|\s+(?![a-z])|\Z)"
    r".{0,60})"
)
_NAMED = re.compile(
    r"(?i:prologue|epilogue|preface|introduction|foreword|afterword|conclusion|interlude|appendix)"
    r"(?:\s*[.:—–-]+|\s+(?=(?:to|by)\b|[^a-z])|\Z).{0,40}"
)
_NUMERAL = re.compile(
    rf"(?P<number>[0-9]{{1,3}}|[IVXLC]{{1,8}}|(?i:{_WORD_NUMBER}))(?P<rest>\.?|[.:]? .+)"
)
_CONTENTS = re.compile(r"(?:table of )?contents\W*", re.IGNORECASE)
_PAGE_REFERENCE = re.compile(r"[\s.]*[0-9]{1,4}\Z")
_RULER = re.compile(r"\s*[=*_~-]{3,}\s*")
_PAGE_NUMBER = re.compile(
    r"(?:\n[^\S\n\f]*[0-9]{1,4}[^\S\n\f]*)?\n?\f(?:[^\S\n\f]*[0-9]{1,4}[^\S\n\f]*(?=\n))?"
)
_SENTENCE_END = tuple('.,;:!?…”"’—-')
_MAX_HEADING_LINES = 3
_MAX_TITLE = 60  # characters
_MAX_TITLE_PAGE = 8  # lines
_MIN_ENTRIES = 3  # of contents without that word above them


@dataclass
class _Paragraph:
    """heading: its title, "" for text. kind, number: of a heading with a number."""

    lines: list[str]
    heading: str = ""
    kind: str = ""
    number: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """Equal for the entry of a chapter in the contents and its heading."""
        return (self.kind, self.number) if self.kind else (self.heading, 0)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def plain_book(text: str) -> Book:
    """Chapters begin at headings; where there are none but those of Markdown, at these.

    The licence of Project Gutenberg, page numbers and the table of contents are left out.
    """
    found = without_licence(text)
    paragraphs = [*_paragraphs(_PAGE_NUMBER.sub("\n", found.text))]
    _find_headings(paragraphs)
    if not any(paragraph.heading for paragraph in paragraphs) and has_headings(found.text):
        return markdown_book(found.text, text_format="auto")
    chapters = with_speech(_chapters(_without_contents(paragraphs)), found.title)
    return Book(chapters, found.title, found.author, found.language, text_format="auto")


def _paragraphs(text: str) -> Iterator[_Paragraph]:
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip():
            lines.append(line)
        elif lines:
            yield _Paragraph(lines)
            lines = []
    if lines:
        yield _Paragraph(lines)


def _find_headings(paragraphs: Sequence[_Paragraph]) -> None:
    for at, paragraph in enumerate(paragraphs):
        lines = [line.strip() for line in paragraph.lines if not _RULER.fullmatch(line)]
        if not lines or len(lines) > _MAX_HEADING_LINES:
            continue
        if chapter := _CHAPTER.fullmatch(lines[0]):
            if not all(map(_is_title_line, lines[1:])):
                continue
            paragraph.kind = chapter["kind"].lower()
            paragraph.number = _number(chapter["number"])
            paragraph.heading = ": ".join([" ".join(lines[0].split()).rstrip(" .:"), *lines[1:]])
            if len(lines) == 1 and not chapter["title"].strip(" .:"):
                paragraph.heading += _title_below(paragraphs[at + 1 : at + 3])
        elif len(lines) == 1 and _NAMED.fullmatch(lines[0]):
            paragraph.heading = lines[0]
    if not any(paragraph.kind == "chapter" for paragraph in paragraphs):
        _find_numerals(paragraphs)


def _is_heading(line: str) -> bool:
    return bool(_CHAPTER.fullmatch(line) or _NAMED.fullmatch(line))


def _is_title_line(line: str) -> bool:
    """True if a line may be the second one of a heading."""
    is_short = len(line) <= _MAX_TITLE and not _is_heading(line)
    is_closed = line.endswith(_SENTENCE_END) and not line.isupper()
    return is_short and not is_closed and (line[0].isupper() or line[0].isdecimal())


def _title_below(paragraphs: Sequence[_Paragraph]) -> str:
    """The title that stands by itself between "CHAPTER I" and its text.

    paragraphs: the two below.
    """
    texts = [paragraph.text.strip() for paragraph in paragraphs]
    is_title = len(texts) == 2 and "\n" not in texts[0] and _is_title_line(texts[0])
    is_next = is_title and (_NUMERAL.fullmatch(texts[0]) or _is_heading(texts[1]))
    return f": {texts[0]}" if is_title and not is_next else ""


def _find_numerals(paragraphs: Sequence[_Paragraph]) -> None:
    """Headings such as "II." or "2. THE LAMP", if they count from one; elsewhere they are text."""
    counted: list[tuple[_Paragraph, str]] = []
    expected, runs = 1, 0
    for paragraph in paragraphs:
        numeral = _NUMERAL.fullmatch(paragraph.text.strip())
        if not numeral or len(paragraph.lines) > 1 or paragraph.heading:
            continue
        rest = numeral["rest"].strip(".: ")
        number = _number(numeral["number"])
        if rest and not (rest.isupper() and len(rest) <= _MAX_TITLE):
            continue
        if number == 1 or number == expected:
            runs += number == 2
            expected = number + 1
            counted.append((paragraph, paragraph.text.strip()))
    if runs:
        for paragraph, title in counted:
            paragraph.heading = title


def _number(written: str) -> int:
    """The value of digits, Roman numerals or words up to 99; 0 for "the last"."""
    if written.isdecimal():
        return int(written)
    words = [word for word in re.split(r"[\s-]+", written.lower()) if word != "the"]
    if words[0] in _NUMBER_WORDS:
        return sum(map(_word_value, words))
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}[letter] for letter in written.lower()]
    return sum(
        -value if any(later > value for later in values[at + 1 : at + 2]) else value
        for at, value in enumerate(values)
    )


def _word_value(word: str) -> int:
    at = _NUMBER_WORDS.index(word)
    tens = _NUMBER_WORDS.index("twenty")
    if word in _TENS.split():
        return 10 * (at - tens + 2)
    ordinals = _NUMBER_WORDS.index("first")
    if at >= ordinals:
        return 0 if word == "last" else at - ordinals + 1
    return 100 if word == "hundred" else at + 1


def _without_contents(paragraphs: Sequence[_Paragraph]) -> list[_Paragraph]:
    """Without a table of contents: headings one below the other, whose chapters come later."""
    last = {paragraph.key: at for at, paragraph in enumerate(paragraphs) if paragraph.heading}
    kept: list[_Paragraph] = []
    at = 0
    while at < len(paragraphs):
        end = at
        while end < len(paragraphs) and _entries(paragraphs[end]):
            end += 1
        stop = end
        while stop > at and last.get(paragraphs[stop - 1].key, end) < end:
            stop -= 1  # the last heading is that of the first chapter
        is_called_so = bool(kept) and bool(_CONTENTS.fullmatch(kept[-1].text.strip()))
        if stop > at and (is_called_so or sum(map(_entries, paragraphs[at:stop])) >= _MIN_ENTRIES):
            kept = kept[:-1] if is_called_so else kept
        else:
            stop = stop if stop > at else max(end, at + 1)
            kept += paragraphs[at:stop]
        at = stop
    return kept


def _entries(paragraph: _Paragraph) -> int:
    """The number of its lines if each is a heading, perhaps with its page; otherwise 0."""
    lines = [_PAGE_REFERENCE.sub("", line.strip()) or line.strip() for line in paragraph.lines]
    return len(lines) if all(map(_is_heading, lines)) or paragraph.heading else 0


def _chapters(paragraphs: Sequence[_Paragraph]) -> Iterator[Chapter]:
    title, parts = "", list[str]()
    for paragraph in paragraphs:
        if paragraph.heading:
            yield Chapter(title, "\n\n".join(parts), is_title=not title and _is_title_page(parts))
            title, parts = paragraph.heading, []
        parts.append(paragraph.text)
    yield Chapter(title, "\n\n".join(parts))


def _is_title_page(paragraphs: Sequence[str]) -> bool:
    """True if the text before the first heading is a few short lines, such as title and author."""
    lines = [line.strip() for paragraph in paragraphs for line in paragraph.splitlines()]
    is_short = len(lines) <= _MAX_TITLE_PAGE and all(len(line) <= _MAX_TITLE for line in lines)
    return is_short and not any(line.endswith((".", "!", "?", "”", '"')) for line in lines)
