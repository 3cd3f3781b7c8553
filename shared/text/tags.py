"""Tags of HTML and SSML, entities, footnote marks and `[pause:1.5s]` in blocks of text."""

import html
import re
from collections.abc import Iterable, Iterator

from shared.text.blocks import (
    CELL_PAUSE,
    ITEM_PAUSE,
    MAX_PAUSE_SECONDS,
    PARAGRAPH_PAUSE,
    SECTION_PAUSE,
    Block,
    MarkupError,
)
from shared.text.say_as import LETTER_WORDS, SEPARATELY, written_as
from shared.text.spans import Run, SpannedText

_ATTRIBUTE = r"""[\w:.-]++(?:\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>=`]++))"""
_MARKS = re.compile(
    rf"""
    (?P<comment><!--)|<[?!][A-Za-z][^<>]*+>
    |<(?P<close>/?)(?P<tag>[A-Za-z][A-Za-z0-9:_-]*+)(?P<attributes>(?:\s++{_ATTRIBUTE})*+)\s*+/?>
    |(?P<entity>&(?:\#[0-9]{{1,7}}|\#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}});)
    |\[(?:[Pp]ause|PAUSE|break)(?:\s*+[:=]?\s*+(?P<pause>[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?)
      \s*+(?P<unit>ms|s(?:ec(?:ond)?s?)?)?)?\]
    |(?<=[.,;)"”])(?:\[[0-9]{{1,3}}\])++:\ [0-9]{{1,4}}(?:[-–][0-9]{{1,4}})?(?=\s)
    |(?<=\S)(?<!\[0\])(?P<note>(?:\[(?:[1-9][0-9]{{0,2}}|[a-h]|\^[\w-]{{1,32}}
                             |(?:note|nb|n)\ [0-9]{{1,3}}
                             |citation\ needed|update|when\?|who\?|by\ whom\?
                             |clarification\ needed|better\ source\ needed)\])++)
     (?::[0-9]{{1,4}}(?:[-–][0-9]{{1,4}})?)?+
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
_RAISED = re.compile(r"[-−+]?[0-9]{1,3}<")  # within <sup>
_SUB_END = re.compile(r"</sub\s*+>", re.IGNORECASE)
_MAX_SUB = 1_000  # characters that an alias may replace


_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:_-]*+)")


def paired_names(text: str) -> frozenset[str]:
    """Lower-case names of the elements that are opened and closed in a text."""
    found = {closing: set[str]() for closing in ("", "/")}
    for closing, name in _TAG_NAME.findall(text):
        found[closing].add(name.lower())
    return frozenset(found[""] & found["/"])


class TagReader:
    """Replaces tags, entities and pauses in blocks. Open elements carry over to the next block.

    folds_lines: treat line ends as blanks, as in HTML. others: lower-case names of further elements
    to read the content of.
    """

    def __init__(self, *, folds_lines: bool = False, others: frozenset[str] = frozenset()) -> None:
        self._folds_lines = folds_lines
        self._known = others | _INLINE | _PAUSES.keys() | _UNSPOKEN
        self._unspoken: list[str] = []  # open elements without spoken content
        self._said_as = ("", "")  # `interpret-as` and `format` of the open <say-as>

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
                continue  # without an end, not a comment
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
            elif mark["tag"] == "sup" and _RAISED.match(content.text, at):
                runs.append(Run("^", start, end))
            elif mark["tag"] and (alias := self._open(mark)):
                closing = _SUB_END.search(content.text, at, at + _MAX_SUB)
                if mark["tag"].lower() == "sub" and closing:
                    start, end = content.part(at, closing.start()).source
                    at = closing.start()
                runs.append(Run(alias, start, end))
        runs += self._spoken(content.cut(at, len(content.text)))
        yield Block(SpannedText(runs), block.pause)

    def _is_mark(self, mark: re.Match[str]) -> bool:
        if mark["entity"]:
            return html.unescape(mark["entity"]) != mark["entity"]
        name = (mark["tag"] or "").lower()
        return not name or name in self._known

    def _pause(self, mark: re.Match[str], at: int) -> float | None:
        """Seconds of silence at a mark that separates blocks, None for other marks."""
        if mark["pause"]:
            return _seconds(mark["pause"], mark["unit"] or "s", at)
        if mark[0].lower() in {"[pause]", "[break]"}:
            return PARAGRAPH_PAUSE
        name = (mark["tag"] or "").lower()
        if name == "break" and not mark["close"]:
            given = _attributes(mark["attributes"])
            if time := _TIME.fullmatch(given.get("time", "").strip()):
                return _seconds(time[1], time[2], at)
            return _BREAK_STRENGTHS.get(given.get("strength", "medium"), ITEM_PAUSE)
        return _PAUSES.get(name)

    def _open(self, mark: re.Match[str]) -> str | None:
        """Open or close an element. Returns the text that replaces it, if any."""
        name, closes = mark["tag"].lower(), bool(mark["close"])
        if name in _UNSPOKEN and not mark[0].endswith("/>"):
            if not closes:
                self._unspoken.append(name)
            elif name in self._unspoken:
                del self._unspoken[self._unspoken.index(name) :]
        given = _attributes(mark["attributes"])
        if name == "say-as":
            kind = given.get("interpret-as", "").lower()
            self._said_as = ("", "") if closes else (kind, given.get("format", ""))
        if name == "img" and not self._unspoken:
            return given.get("alt")
        return given.get("alias") if name == "sub" and not closes else None

    def _spoken(self, runs: Iterable[Run]) -> Iterator[Run]:
        if self._unspoken:
            return
        for run in runs:
            kind, format_ = self._said_as
            if kind in SEPARATELY:
                for at, character in enumerate(run.text):
                    one = run.part(at, at + 1)
                    said = LETTER_WORDS.get(character.lower(), character)
                    yield Run(f"{said} ", one.start, one.end)
            elif kind and (rewritten := written_as(run.text, kind, format_)) != run.text:
                yield run._replace(text=rewritten)
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
            f"the pause of {seconds:g} s at character {at} is too long; a pause lasts at most "
            f"{MAX_PAUSE_SECONDS:g} s, but several in a row are allowed"
        )
    return seconds
