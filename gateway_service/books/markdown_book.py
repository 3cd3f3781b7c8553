"""Markdown as a book: chapters begin at its headings. Front matter gives the tags."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt

from gateway_service.books.book import Book, Chapter, heading_depth, with_speech
from shared.text.markup import TextFormat

_MARKDOWN = MarkdownIt("commonmark")
_BLOCKS = MarkdownIt("commonmark").disable("inline")
_FRONT_MATTER = re.compile(
    r"\A(?P<fence>---|\+\+\+)[^\S\n]*\n(?P<tags>.{0,20000}?)\n(?:(?P=fence)|\.\.\.)[^\S\n]*(?:\n|\Z)",
    re.DOTALL,
)
_TAG = re.compile(
    r"^(?P<name>title|author|authors|creator|lang|language)\s*[:=]\s*(?P<value>.*(?:\n\s*- .*)*)$",
    re.MULTILINE | re.IGNORECASE,
)
_TITLE_BLOCK = re.compile(r"\A% ?(?P<title>.*)\n(?:% ?(?P<author>.*)\n)?(?:%.*\n)?")  # of Pandoc
_ATTRIBUTES = re.compile(r"[^\S\n]*\{[#.:][^{}\n]{0,200}\}[^\S\n]*#*[^\S\n]*$", re.MULTILINE)
_COMMENT = re.compile(r"^<!--.*?-->", re.MULTILINE | re.DOTALL)
_MAX_PARSED = 50_000  # characters of a stretch, as tokens take many times the memory of their text


@dataclass(frozen=True)
class _Heading:
    """line: at which it begins. stop: the first line after it."""

    level: int
    title: str
    line: int
    stop: int


def has_headings(text: str) -> bool:
    """True if a text has at least two headings of Markdown with #."""
    return len(re.findall(r"^#{1,6} \S.*\n\s*\n", text, re.MULTILINE)) > 1


def markdown_book(text: str, text_format: TextFormat = "markdown") -> Book:
    """Chapters begin at headings of the first two levels, or of deeper ones where only these have a
    text below them. A single # at the top is the book's title."""
    text, tags = _without_tags(text.replace("\r\n", "\n"))
    text = _ATTRIBUTES.sub("", _without_comments(text))
    lines = text.split("\n")
    headings = [*_headings(text)]
    title = tags.get("title", "")
    firsts = [heading for heading in headings if heading.level == 1]
    if len(firsts) == 1 and headings[0] is firsts[0] and len(headings) > 1:
        title = title or headings[0].title
        headings = headings[1:]
    chapters = with_speech(_chapters(lines, _cuts(lines, headings)), title)
    language = tags.get("lang", tags.get("language", ""))
    author = tags.get("author", tags.get("authors", tags.get("creator", "")))
    return Book(chapters, title, author, language, text_format=text_format)


def _without_tags(text: str) -> tuple[str, dict[str, str]]:
    """The text without its front matter, and the tags of that."""
    text = text.lstrip("\ufeff")
    if found := _FRONT_MATTER.match(text):
        tags = {tag["name"].lower(): _value(tag["value"]) for tag in _TAG.finditer(found["tags"])}
        return text[found.end() :], tags
    if found := _TITLE_BLOCK.match(text):
        tags = {name: value.strip() for name, value in found.groupdict("").items()}
        return text[found.end() :], tags
    return text, {}


def _without_comments(text: str) -> str:
    end = text.rfind("-->") + 3  # beyond it none is closed
    return _COMMENT.sub("", text[:end]) + text[end:] if end > 2 else text


def _value(written: str) -> str:
    """A value of YAML or TOML: a string, or a list of them, as one text."""
    parts = re.split(r"(?:\A|\n)\s*- |,(?=\s*[\"'])", written.strip().strip("[]"))
    return ", ".join(part for part in (part.strip().strip("\"'") for part in parts) if part)


def _headings(text: str) -> Iterator[_Heading]:
    """The headings outside of lists, quotations and code."""
    first = 0
    for stretch in _stretches(text):
        tokens = _BLOCKS.parse(stretch)
        for opening, content in pairwise(tokens):
            if opening.type == "heading_open" and not opening.level and opening.map:
                start, stop = opening.map
                yield _Heading(
                    int(opening.tag[1]), _plain(content.content), first + start, first + stop
                )
        first += stretch.count("\n")


def _stretches(text: str) -> Iterator[str]:
    """Parts of the text, cut at blank lines outside of code."""
    part: list[str] = []
    size, fence = 0, ""
    for line in text.splitlines(keepends=True):
        marks = line.lstrip()[:3]
        if marks in ("```", "~~~") and fence in ("", marks):
            fence = "" if fence else marks
        part.append(line)
        size += len(line)
        if size > _MAX_PARSED and not fence and not line.strip():
            yield "".join(part)
            part, size = [], 0
    yield "".join(part)


def _plain(markdown: str) -> str:
    """The text of a heading, without its emphasis and links."""
    tokens = _MARKDOWN.parseInline(markdown)[0].children or []
    text = "".join(
        token.content if token.content else " " * (token.type == "softbreak") for token in tokens
    )
    return " ".join(text.split())


def _cuts(lines: Sequence[str], headings: Sequence[_Heading]) -> list[_Heading]:
    """The headings at which chapters begin."""
    stops = [heading.line for heading in headings[1:]] + [len(lines)]
    depth = heading_depth(
        [
            (heading.level, _has_text(lines[heading.stop : stop]))
            for heading, stop in zip(headings, stops, strict=False)
        ]
    )
    return [heading for heading in headings if heading.level <= depth]


def _has_text(lines: Sequence[str]) -> bool:
    return any(map(str.isalnum, "".join(lines)))


def _chapters(lines: Sequence[str], cuts: Sequence[_Heading]) -> Iterator[Chapter]:
    starts = [*(cut.line for cut in cuts), len(lines)]
    yield Chapter("", "\n".join(lines[: starts[0]]).strip())
    for cut, stop in zip(cuts, starts[1:], strict=True):
        text = "\n".join(lines[cut.line : stop]).strip()
        yield Chapter(cut.title, text, is_title=not _has_text(lines[cut.stop : stop]))
