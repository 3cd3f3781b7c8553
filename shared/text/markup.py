"""Markup to plain text and pauses: Markdown, HTML's and SSML's tags, entities, `[pause:1.5s]`.

A text becomes blocks. A block is a paragraph, heading, list item, table cell, line of code, or a
stretch between two tags that part sentences; no sentence goes on over the end of a block.
Characters keep their place in the source (`spans.py`).

Markdown is CommonMark with tables, parsed by markdown-it-py. Its parser gives lines, not columns,
so each stretch of text is looked for in its lines, from where the one before ended.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.text.spans import Run, SpannedText

TextFormat = Literal["auto", "plain", "markdown", "ssml"]
"""auto: SSML or HTML where the text begins as such a document, else Markdown, in which tags and
entities are read too. plain: every character is text."""

MAX_PAUSE_SECONDS = 10.0
SECTION_PAUSE = 1.0  # seconds, at a horizontal rule
PARAGRAPH_PAUSE = 0.7
ITEM_PAUSE = 0.35  # after a list item, a row of a table, a line of code
CELL_PAUSE = 0.2


class MarkupError(ValueError):
    """Markup that asks for what cannot be done. The message says where and what can."""


@dataclass(frozen=True)
class Block:
    content: SpannedText
    pause: float
    """Seconds of silence after it, at least; 0 where nothing but a sentence may end."""


def read_markup(text: str, text_format: TextFormat = "auto") -> Iterator[Block]:
    """The blocks of a text in its order, none of them blank.

    Raises MarkupError for a pause longer than MAX_PAUSE_SECONDS.
    """
    if text_format == "plain":
        blocks: Iterable[Block] = _paragraphs(text)
    elif text_format == "ssml" or (text_format == "auto" and is_document(text)):
        blocks = _TagReader(folds_lines=True).read([Block(SpannedText.plain(text), 0.0)])
    else:
        blocks = _TagReader().read(_markdown(text))
    return _tidy(blocks)


def is_document(text: str) -> bool:
    """True for a text that begins as an SSML, HTML or XML document."""
    return _DOCUMENT.match(text) is not None


def _tidy(blocks: Iterable[Block]) -> Iterator[Block]:
    """Without blank blocks; of the pauses of those the longest goes to the block before."""
    last: Block | None = None
    for block in blocks:
        if block.content.text.strip():
            if last is not None:
                yield last
            last = block
        elif last is not None:
            last = replace(last, pause=max(last.pause, block.pause))
    if last is not None:
        yield last


_BETWEEN_PARAGRAPHS = re.compile(r"\n[^\S\n]*+\n\s*+")


def _paragraphs(text: str) -> Iterator[Block]:
    start = 0
    for between in _BETWEEN_PARAGRAPHS.finditer(text):
        yield Block(SpannedText.plain(text[start : between.start()], start), PARAGRAPH_PAUSE)
        start = between.end()
    yield Block(SpannedText.plain(text[start:], start), PARAGRAPH_PAUSE)


# Markdown

_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["table", "strikethrough"])
    # Entities and tags are read below. Indented lines are poems more often than code.
    .disable(["entity", "code", "html_block", "html_inline"])
    .disable("text_join")  # an escaped sign is no longer in the source as it stands
)
_CHUNK = 50_000  # characters parsed at a time: tokens take many times the memory of their text
_GREATER_THAN = re.compile(r"^(\s{0,3})>(?=[\d=])", re.MULTILINE)  # ">5 %" quotes nobody
_STAND_IN = "\ufe65"  # a small greater-than sign: no markup, and one character too


def _markdown(text: str) -> Iterator[Block]:
    for start, chunk in _chunks(text):
        yield from _MarkdownReader(chunk, start).blocks()


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """The text cut at blank lines outside of fences, with where each part starts."""
    start = at = 0
    fenced = False
    for line in text.splitlines(keepends=True):
        at += len(line)
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if at - start >= _CHUNK and not fenced and not line.strip():
            yield start, text[start:at]
            start = at
    yield start, text[start:]


class _MarkdownReader:
    """Blocks of one chunk; keeps the place up to which the source has been read."""

    def __init__(self, source: str, offset: int) -> None:
        # The parser takes these two for line ends and for the replacement character.
        self._source = source.replace("\r\n", " \n").replace("\r", "\n")
        self._parsed = _GREATER_THAN.sub(rf"\1{_STAND_IN}", self._source).replace("\0", " ")
        self._offset = offset
        self._at = 0
        ends = [match.end() for match in re.finditer(r"\n|\Z", self._parsed)]
        self._lines = [0, *ends]

    def blocks(self) -> Iterator[Block]:
        tokens = _MARKDOWN.parse(self._parsed)
        pause, prefix = PARAGRAPH_PAUSE, ""
        depth = 0  # of lists
        for token in tokens:
            match token.type:
                case "bullet_list_open" | "ordered_list_open":
                    depth += 1
                case "bullet_list_close" | "ordered_list_close":
                    depth -= 1
                    if not depth:
                        yield Block(SpannedText(), PARAGRAPH_PAUSE)
                case "list_item_open":
                    prefix = f"{token.info}{token.markup}" if token.info else ""
                case "th_open" | "td_open":
                    pause = CELL_PAUSE
                case "tr_close":
                    yield Block(SpannedText(), ITEM_PAUSE)
                    pause = PARAGRAPH_PAUSE
                case "table_close":
                    yield Block(SpannedText(), PARAGRAPH_PAUSE)
                case "hr":
                    yield Block(SpannedText(), SECTION_PAUSE)
                case "fence":
                    yield from self._code_lines(token)
                case "inline":
                    at_item = ITEM_PAUSE if depth and pause == PARAGRAPH_PAUSE else pause
                    yield Block(SpannedText(self._inline(token, prefix)), at_item)
                    prefix = ""

    def _code_lines(self, fence: Token) -> Iterator[Block]:
        first, stop = self._enter(fence)
        self._at = max(self._at, self._lines[first + 1])
        for line in fence.content.splitlines():
            yield Block(SpannedText(self._found(line.strip(), self._lines[stop])), ITEM_PAUSE)
        yield Block(SpannedText(), PARAGRAPH_PAUSE)

    def _enter(self, token: Token) -> tuple[int, int]:
        first, stop = token.map or (0, len(self._lines) - 1)
        stop = min(stop, len(self._lines) - 1)
        self._at = max(self._at, self._lines[first])
        return first, stop

    def _inline(self, token: Token, prefix: str) -> Iterator[Run]:
        _, stop = self._enter(token)
        end = self._lines[stop]
        if prefix:
            yield from self._found(prefix, end)
            yield self._run(" ", self._at, self._at + 1)
        for child in token.children or []:
            yield from self._child(child, end)

    def _child(self, child: Token, end: int) -> Iterator[Run]:
        match child.type:
            case "text" | "code_inline" | "text_special":
                yield from self._found(child.content, end)
            case "softbreak" | "hardbreak":
                line_end = self._parsed.find("\n", self._at, end)
                at = self._at if line_end < 0 else line_end
                yield self._run("\n", at, at + 1)
                self._at = at + 1
            case "image":
                for part in child.children or []:
                    yield from self._child(part, end)
                self._skip_destination(end)
            case "link_close" if child.markup != "autolink":
                self._skip_destination(end)

    def _skip_destination(self, end: int) -> None:
        """Over the `](destination "title")` or `][label]` that follows a link's text."""
        closing = self._parsed.find("]", self._at, end)
        if closing < 0:
            return
        bracket = self._parsed[closing + 1 : closing + 2]
        self._at = closing + 1
        if bracket == "[":
            self._at = max(self._at, self._parsed.find("]", closing + 1, end) + 1)
        elif bracket == "(":
            self._at = _after_parenthesis(self._parsed, closing + 1, end)

    def _found(self, text: str, end: int) -> Iterator[Run]:
        """text: as the parser gives it, which is in the source from here on, before `end`."""
        if not text:
            return
        at = self._parsed.find(text, self._at, end)
        if at < 0:  # the parser has changed it: the whole stretch stands for it
            yield Run(text, self._offset + self._at, self._offset + max(self._at, end))
            self._at = max(self._at, end)
            return
        self._at = at + len(text)
        yield self._run(self._source[at : self._at], at, self._at)

    def _run(self, text: str, start: int, end: int) -> Run:
        return Run(text, self._offset + start, self._offset + end)


def _after_parenthesis(text: str, opening: int, end: int) -> int:
    depth = 0
    for at in range(opening, end):
        if text[at] == "\\":
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at + 1
    return end


# Tags, entities, pauses

_DOCUMENT = re.compile(r"\s*(?:<\?xml\b|<!doctype\s+html|<html\b|<speak\b)", re.IGNORECASE)
_ATTRIBUTE = r"""[\w:.-]++(?:\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>=`]++))"""
_MARKS = re.compile(
    rf"""
    (?P<comment><!--)|<[?!][A-Za-z][^<>]*+>
    |<(?P<close>/?)(?P<tag>[A-Za-z][A-Za-z0-9:-]*+)(?P<attributes>(?:\s++{_ATTRIBUTE})*+)\s*+/?>
    |(?P<entity>&(?:\#[0-9]{{1,7}}|\#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}});)
    |\[(?:pause|break)\s*+[:=]?\s*+(?P<pause>[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?)\s*+(?P<unit>ms|s)\]
    |(?<=\S)(?P<note>(?:\[(?:[0-9]{{1,3}}|\^[\w-]{{1,32}}|note\ [0-9]{{1,3}}|citation\ needed)\])++)
    |^(?P<definition>\[\^[\w-]{{1,32}}\]:\s*+)
    """,
    re.VERBOSE | re.MULTILINE,
)
_ATTRIBUTES = re.compile(r"""([\w:.-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|(\S++))""")


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_UNSPOKEN = _names("audio desc head lexicon metadata noscript script style template title")
_INLINE = _names(
    "a abbr b bdi bdo big body break cite code data del dfn em emphasis font html i img ins kbd "
    "label lang mark meta link phoneme prosody q rp rt ruby samp say-as small span speak strike "
    "strong sub sup tbody tfoot thead time token tt u var voice w wbr xml"
)
_PAUSES = {
    **dict.fromkeys(
        _names(
            "p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre article section div header footer "
            "main aside nav form figure figcaption details summary address"
        ),
        PARAGRAPH_PAUSE,
    ),
    **dict.fromkeys(_names("s li dt dd tr br option caption"), ITEM_PAUSE),
    **dict.fromkeys(_names("td th"), CELL_PAUSE),
    "hr": SECTION_PAUSE,
}
_BREAK_STRENGTHS = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.2,
    "medium": ITEM_PAUSE,
    "strong": PARAGRAPH_PAUSE,
    "x-strong": SECTION_PAUSE,
}
_TIME = re.compile(r"\+?([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(ms|s)", re.IGNORECASE)
_SUB_END = re.compile(r"</sub\s*+>", re.IGNORECASE)
_MAX_SUB = 1_000  # characters that an alias can stand for
_SEPARATELY = _names("characters character spell-out verbatim digits telephone")


class _TagReader:
    """Takes tags, entities and pauses out of blocks. An open `<script>` or `<sub>` holds across
    them.

    folds_lines: line ends are blanks, as in HTML.
    """

    def __init__(self, *, folds_lines: bool = False) -> None:
        self._folds_lines = folds_lines
        self._unspoken: list[str] = []  # the open elements of which nothing is spoken
        self._separately = False  # within a <say-as> that spells

    def read(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            yield from self._block(block)

    def _block(self, block: Block) -> Iterator[Block]:
        content, runs, at = block.content, list[Run](), 0
        last_comment_end = content.text.rfind("-->")
        for mark in _MARKS.finditer(content.text):
            if mark.start() < at or not self._is_mark(mark):
                continue
            if mark["comment"] and last_comment_end < mark.end():
                continue  # it never ends, so it is none
            runs += self._spoken(content.cut(at, mark.start()))
            at = mark.end()
            start, end = SpannedText(content.cut(*mark.span())).source
            if (pause := self._pause(mark, start)) is not None:
                yield Block(SpannedText(runs), pause)
                runs = []
            elif mark["comment"]:
                at = content.text.index("-->", at) + len("-->")
            elif mark["entity"]:
                runs += self._spoken([Run(html.unescape(mark["entity"]), start, end)])
            elif mark["tag"] and (alias := self._open(mark)):
                closing = _SUB_END.search(content.text, at, at + _MAX_SUB)
                if mark["tag"].lower() == "sub" and closing:
                    start, end = content.part(at, closing.start()).source
                    at = closing.start()
                runs.append(Run(alias, start, end))
        runs += self._spoken(content.cut(at, len(content.text)))
        yield Block(SpannedText(runs), block.pause)

    @staticmethod
    def _is_mark(mark: re.Match[str]) -> bool:
        if mark["entity"]:
            return html.unescape(mark["entity"]) != mark["entity"]
        name = (mark["tag"] or "").lower()
        return not name or name in _INLINE or name in _PAUSES or name in _UNSPOKEN

    def _pause(self, mark: re.Match[str], at: int) -> float | None:
        """Seconds of silence where a mark parts two blocks; None where it does not."""
        if mark["pause"]:
            return _seconds(mark["pause"], mark["unit"], at)
        name = (mark["tag"] or "").lower()
        if name == "break" and not mark["close"]:
            given = _attributes(mark["attributes"])
            if time := _TIME.fullmatch(given.get("time", "").strip()):
                return _seconds(time[1], time[2], at)
            return _BREAK_STRENGTHS.get(given.get("strength", "medium"), ITEM_PAUSE)
        return _PAUSES.get(name)

    def _open(self, mark: re.Match[str]) -> str | None:
        """Opens or closes an element; the text that stands for it, if it has one."""
        name, closes = mark["tag"].lower(), bool(mark["close"])
        if name in _UNSPOKEN and not mark[0].endswith("/>"):
            if not closes:
                self._unspoken.append(name)
            elif name in self._unspoken:
                del self._unspoken[self._unspoken.index(name) :]
        given = _attributes(mark["attributes"])
        if name == "say-as":
            self._separately = not closes and given.get("interpret-as", "") in _SEPARATELY
        if name == "img" and not self._unspoken:
            return given.get("alt")
        return given.get("alias") if name == "sub" and not closes else None

    def _spoken(self, runs: Iterable[Run]) -> Iterator[Run]:
        if self._unspoken:
            return
        for run in runs:
            if self._separately:
                for at, character in enumerate(run.text):
                    one = run.part(at, at + 1)
                    yield Run(f"{character} ", one.start, one.end)
            elif self._folds_lines:
                yield run._replace(text=re.sub(r"\s", " ", run.text))
            else:
                yield run


def _attributes(text: str) -> dict[str, str]:
    return {
        match[1].lower(): html.unescape(match[2] or match[3] or match[4] or "")
        for match in _ATTRIBUTES.finditer(text)
    }


def _seconds(number: str, unit: str, at: int) -> float:
    seconds = float(number) / (1000 if unit.lower() == "ms" else 1)
    if seconds > MAX_PAUSE_SECONDS:
        raise MarkupError(
            f"the pause of {seconds:g} s at character {at} is too long; a pause may last "
            f"{MAX_PAUSE_SECONDS:g} s at most, several may follow one another"
        )
    return seconds
