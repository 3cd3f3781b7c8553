"""Long text in pieces that one synthesis can say, each with the pause that follows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARACTERS = 200
"""Attention over a longer text tends to slip; about 13 s of speech."""

PARAGRAPH_PAUSE = 0.7  # seconds
SENTENCE_PAUSE = 0.35
CLAUSE_PAUSE = 0.15


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    pause: float
    """Seconds of silence after it; 0 after the last one and where a clause had to be cut."""

    @property
    def speakable(self) -> bool:
        """Whether it holds a letter or a digit; a piece like "***" leaves nothing to say."""
        return any(map(str.isalnum, self.text))


def split_sentences(text: str, max_characters: int = MAX_CHARACTERS) -> list[Piece]:
    """The pieces of a text in its order, none empty, none longer than `max_characters`.

    Digits, signs that are read as words, and characters of East Asian scripts count fourfold. Cut
    at ends of paragraphs and sentences; a sentence that is too long is cut at clauses, then
    between words, then anywhere. Nothing is lost but whitespace.
    """
    return list(iter_sentences(text, max_characters))


def iter_sentences(text: str, max_characters: int = MAX_CHARACTERS) -> Iterator[Piece]:
    """As `split_sentences`, one piece at a time: a book has tens of thousands."""
    last: Piece | None = None  # whose pause depends on what follows
    for paragraph in _paragraphs(text):
        for sentence in _sentences(" ".join(paragraph.split())):
            for piece in _clauses(sentence, max_characters):
                if last:
                    yield last
                last = piece
            last = last and Piece(last.text, SENTENCE_PAUSE)
        last = last and Piece(last.text, PARAGRAPH_PAUSE)
    if last:
        yield Piece(last.text, 0.0)


_BETWEEN_PARAGRAPHS = re.compile(r"\n\s*\n")


def _paragraphs(text: str) -> Iterator[str]:
    start = 0
    for between in _BETWEEN_PARAGRAPHS.finditer(text):
        yield text[start : between.start()]
        start = between.end()
    yield text[start:]


# Ends of sentences

_STOPS = ".!?…‽؟۔।॥"  # end a sentence before a space
_WIDE_STOPS = "。！？｡"  # end one anywhere
_CLOSERS = "\"'”’»›)\\]}」』）】》"
_OPENERS = "\"'“‘«‹([{「『（【《„¿¡"
# A run of stops is tried once, from its start: the time is linear in the text.
_MAYBE_END = re.compile(
    rf"(?<![{_STOPS}])(?P<stops>[{_STOPS}]++)(?P<closers>[{_CLOSERS}]*+)(?=\s|\Z)"
    rf"|(?P<wide>[{_WIDE_STOPS}]++)(?P<wide_closers>[{_CLOSERS}]*+)"
)
_NEXT_WORD = re.compile(r"\W*(\w+)")
_INITIALS = re.compile(r"[^\W\d_]|(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")  # J, U.S, Ph.D


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEVER_LAST = _words(
    "approx capt cf cmdr col cpt dr e.g eg gen gov hon i.e ie lt maj messrs mlle mme mr mrs ms mx "
    "pres prof rep rev sen sgt supt viz vs"
)
_BEFORE_NUMBER = _words("art ch chap eq fig figs no nos nr p pp ref sec vol vols")
_MAYBE_LAST = _words(
    "al apr aug ave blvd bros co corp dec dept esq est etc feb ft inc jan jr jul jun ltd mar mt "
    "nov oct rd sep sept sr st"
)
_SENTENCE_STARTERS = _words(
    "a an and as at but for he her his how i if in it my no on our she so that the their then "
    "there these they this those we what when where who why yes you your"
)


def _sentences(paragraph: str) -> Iterator[str]:
    """paragraph: its only whitespace is single spaces."""
    start = 0
    for end in _MAYBE_END.finditer(paragraph):
        if _is_end(paragraph, start, end):
            yield paragraph[start : end.end()].strip()
            start = end.end()
    if rest := paragraph[start:].strip():
        yield rest


def _is_end(paragraph: str, start: int, end: re.Match[str]) -> bool:
    after = paragraph[end.end() : end.end() + 40]
    if end["wide"]:
        quoted = bool(end["wide_closers"]) and after[:1] not in {"", " "}
        return not quoted or after[0] in _OPENERS
    next_word = match[1] if (match := _NEXT_WORD.match(after)) else ""
    trailing_off = end["stops"] == "…" or end["stops"].startswith("..")
    if (trailing_off or end["closers"]) and next_word[:1].islower():
        return False
    if end["stops"] != ".":
        return True
    before = paragraph[max(start, end.start() - 20) : end.start()].lstrip()
    return not next_word or not _is_abbreviation(before, next_word)


def _is_abbreviation(before: str, next_word: str) -> bool:
    """Whether the period between `before`, the last of a sentence so far, and `next_word` is no
    sentence's end."""
    *earlier, word = before.split(" ")
    word = word.lstrip(_OPENERS)
    name = word.lower()
    if name in _NEVER_LAST:
        return True
    if name in _BEFORE_NUMBER:
        return next_word[0].isdigit()
    if not earlier and word.isdigit():  # the number of a list's entry
        return True
    cased = word.lower() != word.upper()  # a Korean sentence may well be one syllable
    if name in _MAYBE_LAST or (cased and _INITIALS.fullmatch(word)):
        return not (next_word[0].isupper() and next_word.lower() in _SENTENCE_STARTERS)
    return False


# Sentences that are too long

_CLAUSE_END = re.compile(rf"[,;:—–][{_CLOSERS}]*+(?= )|(?<=[)\]]) |[，、；：]")


_SPOKEN_LONG = frozenset("$€£¥₩%&@#+=")
_SPOKEN_LONG_WEIGHT = 4  # "7" becomes "seven" or "seventy", a Chinese character a syllable


def _clauses(sentence: str, max_characters: int) -> Iterator[Piece]:
    """The pieces of a sentence, whose only whitespace is single spaces."""
    start = 0
    while True:
        # Not all of the rest: the time stays linear in the sentence.
        window = sentence[start : start + max_characters + 2]
        fitting = _fitting(window, max_characters)
        if fitting == len(window):
            yield Piece(window, 0.0)
            return
        at, pause = _cut(window, fitting)
        yield Piece(window[:at].strip(), pause)
        start += at
        start += sentence.startswith(" ", start)


def _fitting(window: str, max_characters: int) -> int:
    """How many of the first characters make one piece, at least one."""
    weight = 0
    for at, character in enumerate(window):
        long = character.isnumeric() or character in _SPOKEN_LONG or character >= "\u2e80"
        weight += _SPOKEN_LONG_WEIGHT if long else 1
        if weight > max_characters:
            return max(1, at)
    return len(window)


def _cut(sentence: str, max_characters: int) -> tuple[int, float]:
    """Where to cut, and the pause there. A first piece of under a quarter sounds chopped off."""
    shortest = max(1, max_characters // 4)
    ends = [m.end() for m in _CLAUSE_END.finditer(sentence, shortest - 1, max_characters + 1)]
    if ends := [end for end in ends if shortest <= end <= max_characters]:
        return ends[-1], CLAUSE_PAUSE
    space = sentence.rfind(" ", 1, max_characters + 1)
    return (space if space > 0 else max_characters), 0.0
