"""Project Gutenberg's files: the book without the licence, and its tags.

The licence stands before and after two lines of asterisks
(https://www.gutenberg.org/help/file_formats.html). Texts mark italics, notes and pictures by signs.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_START = re.compile(r"\*{3} ?START OF (?:THIS|THE) PROJECT GUTENBERG EBOOK[^*]{0,500}\*{3}")
_END = re.compile(
    r"\*{3} ?END OF (?:THIS|THE) PROJECT GUTENBERG EBOOK"
    r"|End of (?:the |this )?Project Gutenberg(?:'s|’s)? (?:EBook|Etext)\b",
    re.IGNORECASE,
)
_TAG = re.compile(r"^(Title|Author|Language): +(\S.{0,200})$", re.MULTILINE)
_LANGUAGES = {"english": "en", "french": "fr", "german": "de", "spanish": "es", "italian": "it"}
_MAX_HEAD = 20_000  # characters before the book
_NOT_OF_THE_BOOK = re.compile(
    r"\s*(?:\[?Transcriber[’']?s?[’']? Notes?\b|Produced by\b"
    r"|(?:This )?e-?(?:book|text) (?:was )?(?:produced|prepared) by\b"
    r"|\[Illustration\]\Z|\[Footnote [0-9*A-Z]|\[[0-9]{1,3}\] )",
    re.IGNORECASE,
)
_NOTE_MARK = re.compile(r"(?<=\S)\[[0-9]{1,3}\]")
_ILLUSTRATION = re.compile(r"\[Illustration(?::\s*([^\]]*))?\]")
_BOLD = re.compile(r"(?<![\w=])=(?=\w)([^=\n]{1,200})=(?![\w=])")


class PlainText(NamedTuple):
    text: str
    title: str = ""
    author: str = ""
    language: str = ""


def without_licence(text: str) -> PlainText:
    """A text of Project Gutenberg as a book; any other text as it is."""
    start = _START.search(text, 0, _MAX_HEAD)
    if start is None:
        return PlainText(text)
    tags = {name: value.strip() for name, value in _TAG.findall(text[: start.start()])}
    end = _END.search(text, start.end())
    book = text[start.end() : end.start() if end else len(text)]
    paragraphs = (
        paragraph
        for paragraph in re.split(r"\n[^\S\n]*\n", book)
        if not _NOT_OF_THE_BOOK.match(paragraph)
    )
    book = _ILLUSTRATION.sub(r"\1", _NOTE_MARK.sub("", "\n\n".join(paragraphs)))
    language = tags.get("Language", "").lower()
    return PlainText(
        _BOLD.sub(r"\1", book),
        tags.get("Title", ""),
        tags.get("Author", ""),
        _LANGUAGES.get(language, ""),
    )


def licence_blocks(blocks: Sequence[str]) -> list[int]:
    """Positions of the blocks of an HTML book that belong to the licence or to its makers."""
    starts = [at for at, block in enumerate(blocks[:200]) if _START.search(block)]
    first = starts[-1] + 1 if starts else 0
    ends = (at for at in range(first, len(blocks)) if _END.match(blocks[at]))
    last = next(ends, len(blocks))
    outside = [*range(first), *range(last, len(blocks))]
    inside = range(first, last) if starts else range(0)
    return outside + [at for at in inside if _NOT_OF_THE_BOOK.match(blocks[at])]
