"""Markdown to blocks: CommonMark with tables, parsed by markdown-it-py.

The parser reports lines, not columns, so each stretch of text is searched for in its lines, from
the end of the previous one.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.text.blocks import CELL_PAUSE, ITEM_PAUSE, PARAGRAPH_PAUSE, SECTION_PAUSE, Block
from shared.text.formulas import find_formulas
from shared.text.spans import Run, SpannedText

_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["table", "strikethrough"])
    # Entities and tags are read below. Indented lines are more often poems than code.
    .disable(["entity", "code", "html_block", "html_inline"])
    .disable("text_join")  # joined text with escapes would not be found in the source
)
_CHUNK = 50_000  # characters per parse, as tokens take many times the memory of their text
_TASK = re.compile(r"\[([ xX])\] ")
_BOX = {" ": "To do: ", "x": "Done: "}
_GREATER_THAN = re.compile(r"^(\s{0,3})>(?=[\d=])", re.MULTILINE)  # ">5 %" is not a quotation
_STAND_IN = "\ufe65"  # a small greater-than sign: of the same length, and no markup
_FORMULA = "\ue0f0"  # stands for each character of a formula while Markdown is parsed


def read_markdown(text: str) -> Iterator[Block]:
    for start, chunk in _chunks(text):
        yield from _MarkdownReader(chunk, start).blocks()


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Parts of a text, cut at blank lines outside fences, with their offsets."""
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
    """Reads the blocks of one chunk and tracks its position in the source."""

    def __init__(self, source: str, offset: int) -> None:
        # The parser would change carriage returns and null characters.
        self._source = source.replace("\r\n", " \n").replace("\r", "\n")
        self._parsed = _GREATER_THAN.sub(rf"\1{_STAND_IN}", self._source).replace("\0", " ")
        self._parsed = self._parsed.replace(_FORMULA, " ")
        self._formulas: dict[int, tuple[int, str]] = {}
        self._hide_formulas()
        self._offset = offset
        self._at = 0
        ends = [match.end() for match in re.finditer(r"\n|\Z", self._parsed)]
        self._lines = [0, *ends]
        self._starts_item = False

    def _hide_formulas(self) -> None:
        parts, at = list[str](), 0
        for start, end, words in find_formulas(self._source):
            self._formulas[start] = end, words
            parts += [self._parsed[at:start], _FORMULA * (end - start)]
            at = end
        self._parsed = "".join([*parts, self._parsed[at:]])

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
                    self._starts_item = True
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
        before = self._at
        _, stop = self._enter(token)
        end = self._lines[stop]
        if prefix:  # may stand on a line before the text
            entered, self._at = self._at, before
            yield from self._found(prefix, end)
            yield self._run(" ", self._at, self._at + self._parsed.startswith(" ", self._at))
            self._at = max(self._at, entered)
        for child in token.children or []:
            yield from self._child(child, end)

    def _child(self, child: Token, end: int) -> Iterator[Run]:
        match child.type:
            case "text" | "code_inline" | "text_special":
                yield from self._text(child.content, end)
            case "softbreak" | "hardbreak":
                line_end = self._parsed.find("\n", self._at, end)
                at = self._at if line_end < 0 else line_end
                self._at = min(at + 1, len(self._parsed))
                yield self._run("\n", at, self._at)
            case "image":
                for part in child.children or []:
                    yield from self._child(part, end)
                self._skip_destination(end)
            case "link_close" if child.markup != "autolink":
                self._skip_destination(end)

    def _text(self, text: str, end: int) -> Iterator[Run]:
        """Text, with the box of a task list in words: "[x] Paint it" is "Done: Paint it"."""
        if self._starts_item and (box := _TASK.match(text)):
            at = max(self._parsed.find(box[0], self._at, end), self._at)
            yield Run(_BOX[box[1].lower()], self._offset + at, self._offset + at + len(box[0]))
            self._at = at + len(box[0])
            text = text[box.end() :]
        self._starts_item = False
        yield from self._found(text, end)

    def _skip_destination(self, end: int) -> None:
        """Skip the `](destination "title")` or `][label]` after a link's text."""
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
        """The run of `text`, searched for in the source from the current position to `end`."""
        if not text:
            return
        at = self._parsed.find(text, self._at, end)
        if at < 0:  # a line end within code is a space
            found = self._parsed[self._at : end].replace("\n", " ").find(text)
            at = found if found < 0 else self._at + found
        if at < 0:  # the parser has changed the text, which stands for the whole stretch
            yield Run(text, self._offset + self._at, self._offset + max(self._at, end))
            self._at = max(self._at, end)
            return
        self._at = at + len(text)
        yield from self._with_formulas(at, self._at)

    def _with_formulas(self, start: int, end: int) -> Iterator[Run]:
        """The source from start to end, with its formulas in words."""
        at = start
        while (found := self._parsed.find(_FORMULA, at, end)) >= 0 and found in self._formulas:
            yield self._run(self._source[at:found], at, found)
            at, words = self._formulas[found]
            yield self._run(words, found, at)
        yield self._run(self._source[at:end], at, end)

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
