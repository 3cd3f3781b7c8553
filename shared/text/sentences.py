"""Sentence splitting: pieces for one synthesis each, with the pause after them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from shared.text.blocks import CELL_PAUSE, ITEM_PAUSE
from shared.text.markup import TextFormat, read_markup
from shared.text.spans import Run, SpannedText

MAX_CHARACTERS = 200
"""About 13 s of speech. The attention tends to fail on longer texts."""

SENTENCE_PAUSE = 0.35  # seconds
CLAUSE_PAUSE = 0.15
MIN_WRAPPED_LINE = 50
"""Characters. Paragraphs with shorter lines were not wrapped by an editor."""


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    pause: float
    """Seconds of silence after the piece; 0 after the last one and at cuts within a clause."""
    content: SpannedText = field(default_factory=SpannedText, compare=False, repr=False)
    """The text with its places in the source, empty if they are unknown."""

    @property
    def speakable(self) -> bool:
        """True if the piece holds a letter or a digit, unlike "***"."""
        return any(map(str.isalnum, self.text))


def split_sentences(
    text: str, max_characters: int = MAX_CHARACTERS, text_format: TextFormat = "plain"
) -> list[Piece]:
    """Split a text into pieces of at most `max_characters`, none empty.

    Cuts at the ends of blocks, intended lines and sentences. A sentence that is too long is cut at
    clauses, then between words, then anywhere. Digits, signs that are read as words, and East Asian
    characters count sixfold. Plain text loses nothing but white space.

    Raises MarkupError like `read_markup`.
    """
    return list(iter_sentences(text, max_characters, text_format))


def iter_sentences(
    text: str, max_characters: int = MAX_CHARACTERS, text_format: TextFormat = "plain"
) -> Iterator[Piece]:
    """Like `split_sentences`, but lazily: a book has tens of thousands of pieces."""
    last: Piece | None = None  # held back, as its pause depends on the next piece
    for block in read_markup(text, text_format):
        for line in _lines(block.content):
            for cell in _cells(line):
                for start, stop in _sentences(cell.text):
                    for piece in _clauses(cell.part(start, stop), max_characters):
                        if last:
                            yield last
                        last = piece
                    last = last and replace(last, pause=SENTENCE_PAUSE)
                last = last and replace(last, pause=CELL_PAUSE)
            last = last and replace(last, pause=ITEM_PAUSE)
        last = last and replace(last, pause=block.pause)
    if last:
        yield replace(last, pause=0.0)


# Lines

_FOLDABLE = re.compile(r"\s{2,}|[^\S ]")
_COLUMNS = re.compile(r"\S(?:\t| {2,})\s*+\S")  # of a table made with blanks
_BETWEEN_CELLS = re.compile(r"(?<=\S)(?:[^\S\n]*\t[^\S\n]*| {3,})(?=\S)")
_NARROW_GAP = re.compile(rf"{_BETWEEN_CELLS.pattern}|(?<=[^\s.!?]) {{2}}(?=\S)")
"""Also two spaces, which part cells in a row with a wider gap."""
_ITEM = re.compile(  # or a line of a log
    r"(?:[-*•–]|(?:[0-9]{1,3}|[a-z]|[ivx]{1,4})[.)]) |[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:"
    r"|\[(?:[A-Z]{3,8}|[0-9][0-9:.]{3,12})\] "
)
_HEADER = re.compile(r"[A-Z][A-Za-z-]{1,20}: +\S")  # of a letter
_KEY = re.compile(r"[a-z][\w-]{0,24}:(?: +\S|$)")  # of YAML
_LOWER_CASE_WORD = re.compile(r"\W*[a-zß-öø-ÿ]++(?![./:@_-]?\w)")
_CAPITAL_OR_DIGIT = re.compile(r"\s*[A-Z0-9]")
_MAX_VERSE = 32  # characters; no editor wraps lines that short
_FILLED = 0.75  # share of the longest line; shorter lines were not wrapped
_MIN_LINES = 3  # needed to know how long lines are


def _lines(content: SpannedText) -> Iterator[SpannedText]:
    """Split a block at intended line ends.

    A line end was intended where the next line's first word would still have fitted, in short
    lines such as those of a poem, between rows of columns, and before a list item. Before a
    lower-case word it was intended only after a line that is much shorter than the others. If all
    other line ends were intended, that of the longest line was too.
    """
    text = content.text
    longest = max(len(line.strip()) for line in text.split("\n"))
    ends = [match.start() for match in re.finditer("\n", text)]
    few = len(ends) + 1 < _MIN_LINES
    intended = {end for end in ends if _is_intended(text, end, longest, few)}
    rest = [end for end in ends if end not in intended]
    if len(rest) == 1 and len(intended) >= _MIN_LINES and _CAPITAL_OR_DIGIT.match(text, rest[0]):
        intended.add(rest[0])
    bounds = [0, *sorted(intended), len(text)]
    for start, stop in pairwise(bounds):
        yield content.part(start, stop)


def _is_intended(text: str, line_end: int, longest: int, few: bool) -> bool:
    line_start = text.rfind("\n", 0, line_end) + 1
    line = text[line_start:line_end].strip()
    next_end = text.find("\n", line_end + 1)
    next_line = text[line_end + 1 : next_end if next_end >= 0 else len(text)].strip()
    if not line or not next_line:
        return False
    if _ITEM.match(next_line):
        return True
    if _KEY.match(line) and _KEY.match(next_line):
        return True
    if _HEADER.match(next_line) and (not line_start or _HEADER.match(line)):
        return True
    needed = len(line) + 1 + len(next_line.split(maxsplit=1)[0])
    if _LOWER_CASE_WORD.match(next_line):
        is_verse = longest < _MAX_VERSE and text.lstrip()[:1].islower()
        return not few and (needed <= _FILLED * longest or is_verse)
    return bool(_COLUMNS.search(line)) or longest < MIN_WRAPPED_LINE or needed <= longest


def _cells(line: SpannedText) -> Iterator[SpannedText]:
    """Split a row at tabs or wide gaps. The cells have single spaces."""
    gaps = [match.span() for match in _BETWEEN_CELLS.finditer(line.text)]
    if gaps:
        gaps = [match.span() for match in _NARROW_GAP.finditer(line.text)]
    starts = [0, *(end for _, end in gaps)]
    stops = [*(start for start, _ in gaps), len(line.text)]
    for start, stop in zip(starts, stops, strict=True):
        if (cell := _folded(line.part(start, stop))).runs:
            yield cell


def _folded(content: SpannedText) -> SpannedText:
    stripped = content.text.strip()
    start = len(content.text) - len(content.text.lstrip())
    content = content.part(start, start + len(stripped))
    return SpannedText(_single_spaced(content)) if _FOLDABLE.search(stripped) else content


def _single_spaced(content: SpannedText) -> Iterator[Run]:
    at = 0
    for space in _FOLDABLE.finditer(content.text):
        yield from content.cut(at, space.start())
        at = space.end()
        yield Run(" ", *content.part(*space.span()).source)
    yield from content.cut(at, len(content.text))


# Ends of sentences

_STOPS = ".!?…‽؟۔।॥"  # end a sentence before a space
_WIDE_STOPS = "。！？｡"  # end one anywhere
_CLOSERS = "\"'”’»›)\\]}」』）】》"
_OPENERS = "\"'“‘«‹([{「『（【《„¿¡"
# A run of stops is tried only from its start, which keeps the time linear.
_MAYBE_END = re.compile(
    rf"(?<![{_STOPS}])(?P<stops>[{_STOPS}]++)(?P<closers>[{_CLOSERS}]*+)(?=\s|\Z)"
    rf"|(?P<wide>[{_WIDE_STOPS}]++)(?P<wide_closers>[{_CLOSERS}]*+)"
    r"|(?<=[a-z])(?P<tight>[.!?]++)(?=[A-Z][a-z])"
)
_NEXT_WORD = re.compile(r"\W*(\w+(?:-\w*[0-9]\w*)*)")
_LAST_PART = re.compile(r".*[-–—/(0-9¼½¾⅓⅔]")  # text before "Fri" in "Mon.–Fri", "yr" in "3-yr"
_INITIALS = re.compile(r"[^\W\d_]|(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")  # J, U.S, Ph.D


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEVER_LAST = _words(
    "acct accts adm approx appx assoc asst attn avail avg bn brig btwn capt cdr cf chas cmdr col "
    "cpl cpt def deg dr drs e.g eg elev ens esp evid fed fl fr gen geo gov govs govt hon i.e ie "
    "intl lt maj messrs mgr misc mlle mme mr mrs ms mtg mx op pfc pls pres prof profs pvt radm "
    "rep rev rt sen sens sfc sgt spc sts supt thos vadm viz vs wm"
)
_BEFORE_NUMBER = _words(
    "acct amt apt arr art bal bk bldg ca ch chap cir cl cor dep deut dist doc eccl ed ep eph eq "
    "eqs est ex excl exod exp ext ezek fig figs fri gal heb hwy incl isa jas jer josh lat lem lev "
    "ll lon lv lvl matt max min mon no nos nr opp p para pg pgs ph phil pkwy pp prop prov ps pub "
    "qtr qty ref refs rm rom rs rte sam sat sc sec stat ste stn sun supp tab tel temp thess thm "
    "thu thur thurs tim tue tues ver vol vols vv wed wt"
)
_MAYBE_LAST = _words(
    "al apr assn aug ave blvd bros civ co corp crim dec dept esq est etc feb ft inc jan jr jul "
    "jun ltd mar mt nov oct rd sep sept sr st"
)
_STATES = _words(
    "ala ariz ark calif colo conn del fla ga ill ind kan ky la mass md mich minn miss mo mont neb "
    "nev okla ore pa tenn tex va vt wash wis wyo"
)
_UNITS = _words(
    "cu doz ea ft gal hr hrs in kg km lb lbs lg lm mi min mins ml mm mo mos oz pkg pt qt sec secs "
    "sm sq tbs tbsp tsp wk wks yd yr yrs"
)
_SHORT_UNITS = _words("g h l m s L")
_DIRECTIONS = _words("N S E W NE NW SE SW")
_REGISTERED = _words("cat cert inv lic pat reg ser")  # before "No."
_NUMBER = re.compile(  # or a numeral, or a letter
    r"[\w-]*[0-9]|(?![AI]\b)(?:[IVXLC]+|[A-Z]|[ivxl]+)\b"
)
_LIST_NUMERAL = re.compile(r"(?:[0-9]+\.)*[0-9]+|i{1,3}|iv|vi{0,3}|ix|x")
_SENTENCE_STARTERS = _words(
    "a an and as at but for he her his how i if in it my no on our she so that the their then "
    "there these they this those we what when where who why yes you your"
)


_FIRST_AFTER = re.compile(r" I[,;:)]")  # Art. I, § 8
_NUMBERED_BEFORE = re.compile(r"\b(?:art|bk|ch|pt|sec|vol)$", re.IGNORECASE)
_AFTER_FACTORIAL = re.compile(r" [=+*/×÷] ?[0-9(]")
_CHESS_MOVE = re.compile(r"[KQRBN][a-h1-8]?x?[a-h][1-8]|O-O|O$")
_TIGHT_BEFORE = re.compile(r"[a-z]{2,}")  # "Node.Js" and "U.S" are not ends
_TIGHT_BEFORE_CALL = re.compile(r"[A-Za-z][a-z]+")
_TIGHT_AFTER = re.compile(r"[A-Z][a-z]*(?![\w@/\\(]|[.:]\w)")


def _sentences(line: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence. line: has no white space but single spaces."""
    start = 0
    # In a text without capitals, sentences begin in lower case.
    cased = any(letter.isupper() for letter in line)
    for end in _MAYBE_END.finditer(line):
        if _is_end(line, start, end, cased):
            yield start, end.end()
            start = end.end() + (line[end.end() : end.end() + 1] == " ")
    if start < len(line):
        yield start, len(line)


def _is_end(line: str, start: int, end: re.Match[str], cased: bool) -> bool:
    after = line[end.end() : end.end() + 40]
    if end["wide"]:
        quoted = bool(end["wide_closers"]) and after[:1] not in {"", " "}
        return not quoted or after[0] in _OPENERS
    if end["tight"]:
        return _is_tight_end(line, start, end)
    next_word = match[1] if (match := _NEXT_WORD.match(after)) else ""
    trailing_off = end["stops"] == "…" or end["stops"].startswith("..")
    if next_word[:1].islower() and (cased or trailing_off or end["closers"]):
        return False
    if after.startswith(" & "):
        return False
    if end["stops"] != ".":
        return not (end["stops"] == "!" and _AFTER_FACTORIAL.match(after))
    before = line[max(start, end.start() - 20) : end.start()].lstrip()
    if _FIRST_AFTER.match(after) and _NUMBERED_BEFORE.search(before):
        return False
    return not next_word or not _is_abbreviation(before, next_word)


def _is_tight_end(line: str, start: int, end: re.Match[str]) -> bool:
    """True if a sentence ends without a space after it, as in "one.Start"."""
    before = line[max(start, end.start() - 40) : end.start()].rpartition(" ")[2].lstrip(_OPENERS)
    return (
        bool((_TIGHT_BEFORE if end["tight"] == "." else _TIGHT_BEFORE_CALL).fullmatch(before))
        and not _is_abbreviation(before, "A")
        and bool(_TIGHT_AFTER.match(line, end.end(), end.end() + 40))
    )


def _is_abbreviation(before: str, next_word: str) -> bool:
    """True if the period between `before` and `next_word` belongs to an abbreviation.

    before: the last characters of the sentence so far.
    """
    *earlier, word = before.split(" ")
    word = word.lstrip(_OPENERS)
    name = _LAST_PART.sub("", word.lower())
    if word == "EST" and not next_word[0].isdigit():  # a time zone
        return False
    if name in _NEVER_LAST:
        return True
    if word == "App" and len(next_word) == 1:  # appendix
        return True
    if word in {"INT", "EXT"} and next_word.isupper():  # a film's scene
        return True
    if name in _BEFORE_NUMBER and _NUMBER.match(next_word):
        return True
    if name in _STATES and earlier and earlier[-1].endswith(","):
        return next_word.lower() not in _SENTENCE_STARTERS
    if word in {"Ft", "Mt", "Pt", "Ste"}:
        return next_word[0].isupper()
    if name in _UNITS:
        return not next_word[0].isupper() or next_word in _DIRECTIONS
    if next_word == "No" and name in _REGISTERED:
        return True
    if not earlier and _LIST_NUMERAL.fullmatch(word):  # of a list's entry
        return True
    if word.isdigit() and len(word) < 3 and earlier[-1].endswith((":", ",", ";")):
        return next_word.lower() not in _SENTENCE_STARTERS  # of a list's entry within a line
    if word.isdigit() and _CHESS_MOVE.match(next_word):
        return True
    if word in _SHORT_UNITS and earlier and earlier[-1][-1:].isdigit():  # 24 h. Store it cold.
        return False
    cased = word.lower() != word.upper()  # a Korean sentence may well be one syllable
    if name in _MAYBE_LAST or (cased and _INITIALS.fullmatch(word)):
        return not (next_word[0].isupper() and next_word.lower() in _SENTENCE_STARTERS)
    return False


# Sentences that are too long

_CLAUSE_END = re.compile(rf"[,;:—–][{_CLOSERS}]*+(?= )|(?<=[)\]]) |[，、；：]")


_SPOKEN_LONG = frozenset("$€£¥₩%&@#+=")
_SPOKEN_LONG_WEIGHT = 6  # "7" becomes "seven" or "seventy", a Chinese character a syllable


def _clauses(sentence: SpannedText, max_characters: int) -> Iterator[Piece]:
    for start, stop, pause in _cuts(sentence.text, max_characters):
        content = sentence.part(start, stop)
        yield Piece(content.text, pause, content)


def _cuts(sentence: str, max_characters: int) -> Iterator[tuple[int, int, float]]:
    """Start, end and pause of each piece. sentence: has no white space but single spaces."""
    start = 0
    while True:
        # A window instead of the whole rest keeps the time linear.
        window = sentence[start : start + max_characters + 2]
        fitting = _fitting(window, max_characters)
        if fitting == len(window):
            yield start, start + fitting, 0.0
            return
        at, pause = _cut(window, fitting)
        yield start, start + len(window[:at].rstrip()), pause
        start += at
        start += sentence.startswith(" ", start)


def _fitting(window: str, max_characters: int) -> int:
    """Number of leading characters that fit into one piece, at least one."""
    weight = 0
    for at, character in enumerate(window):
        long = character.isnumeric() or character in _SPOKEN_LONG or character >= "\u2e80"
        weight += _SPOKEN_LONG_WEIGHT if long else 1
        if weight > max_characters:
            return max(1, at)
    return len(window)


def _cut(sentence: str, max_characters: int) -> tuple[int, float]:
    """Position and pause of the cut. A first piece below a quarter of the limit sounds clipped."""
    shortest = max(1, max_characters // 4)
    ends = [m.end() for m in _CLAUSE_END.finditer(sentence, shortest - 1, max_characters + 1)]
    if ends := [end for end in ends if shortest <= end <= max_characters]:
        return ends[-1], CLAUSE_PAUSE
    space = sentence.rfind(" ", 1, max_characters + 1)
    return (space if space > 0 else max_characters), 0.0
