"""The text front end: English text to the symbol ids that the synthesizer reads."""

from typing import NamedTuple

from synthesizer_service.text.english import Spoken, spoken
from synthesizer_service.text.lexicon import NO_LEXICON, Lexicon, LexiconError, read_lexicon
from synthesizer_service.text.symbols import (
    END_ID,
    PAD_ID,
    PUNCTUATION,
    SYMBOLS,
    closed,
    ids_of,
    ids_to_text,
    speakable,
)

__all__ = [
    "END_ID",
    "NO_LEXICON",
    "PAD_ID",
    "PUNCTUATION",
    "SYMBOLS",
    "Lexicon",
    "LexiconError",
    "Reading",
    "Spoken",
    "Word",
    "closed",
    "ids_of",
    "ids_to_text",
    "normalize",
    "read",
    "read_lexicon",
    "speakable",
    "spoken",
    "spoken_words",
    "text_to_ids",
]

_SPACE_AFTER = frozenset(".,;:!?")
_STOPS = frozenset(".!?")
_SEPARATORS = frozenset(",;:-")


class Word(NamedTuple):
    """A word of the source and its spoken form."""

    start: int
    end: int
    """[start, end) of its characters in the source, without punctuation around it."""
    said: str
    first_symbol: int
    last_symbol: int
    """[first_symbol, last_symbol) of its symbols in the ids of the whole text."""


class Reading(NamedTuple):
    """The spoken form of a text, in lower-case letters, `PUNCTUATION` and single spaces."""

    said: str
    words: list[Word]


def read(text: str, lexicon: Lexicon = NO_LEXICON) -> Reading:
    """Normalize any Unicode text. Takes time linear in its length.

    Returns an empty `said` for a text without anything to speak.
    """
    parts: list[str] = []
    words: list[Word] = []
    length, last = 0, ""
    within_word = False
    for start, end, said, spaced in _with_spaced_quotes(
        _without_stray_marks(spoken(text, lexicon))
    ):
        if last and said[0] not in _SPACE_AFTER and (spaced or _apart(last, said)):
            parts.append(" ")
            length += 1
        parts.append(said)
        if _is_word(said):
            first = length
            if within_word and not spaced:  # "state-of-the-art" is one word
                before = words.pop()
                start, first = before.start, before.first_symbol
            words.append(Word(start, end, "", first, length + len(said)))
            within_word = True
        elif spaced:
            within_word = False
        length += len(said)
        last = said
    whole = "".join(parts)
    return Reading(
        whole, [word._replace(said=whole[word.first_symbol : word.last_symbol]) for word in words]
    )


def _without_stray_marks(found: list[Spoken]) -> list[Spoken]:
    """Drop marks that separate nothing: before the first word, and at the edges of parentheses."""
    kept: list[Spoken] = []
    if not any(_is_word(token.words) for token in found):
        return [token for token in found if token.words not in ",;:"]
    if found[0].words == "-" and found[1].spaced and found[1].words != "-":
        found = found[1:]  # of a list
    for token in found:
        if kept and kept[-1].words == "(":
            if token.words in _SEPARATORS:
                continue
            token = token._replace(spaced=False)
        elif token.words in ",;:" and not kept:
            continue
        if token.words in _STOPS and kept and kept[-1].words == ",":
            kept.pop()  # of "Hello, 世界!"
        if token.words == ")":
            token = token._replace(spaced=False)
            while kept and kept[-1].words in _SEPARATORS:
                kept.pop()
            if kept and kept[-1].words == "(":
                kept.pop()
                continue
        kept.append(token)
    return kept


def _with_spaced_quotes(found: list[Spoken]) -> list[Spoken]:
    """Part quotes from the words they touch: PATH="home", "AS IS"BASIS."""
    kept: list[Spoken] = []
    opened = False
    for token in found:
        touches = not token.spaced and _is_word(token.words) and _ends_with_quote(kept)
        if touches and opened:
            kept[-1] = kept[-1]._replace(spaced=True)
        elif touches:
            token = token._replace(spaced=True)
        opened ^= token.words == '"'
        kept.append(token)
    return kept


def _ends_with_quote(tokens: list[Spoken]) -> bool:
    """True after a word and a quote without a space between them."""
    if len(tokens) < 2 or tokens[-1].words != '"' or tokens[-1].spaced:
        return False
    return _is_word(tokens[-2].words)


def _is_word(said: str) -> bool:
    return said[0].isalpha() or said[-1].isalpha()


def _apart(last: str, words: str) -> bool:
    """True if a space is needed that the source lacks: "5km", "one,two", "f(x)"."""
    if words == "(":
        return last[-1:].isalpha()
    if not last or not words[0].isalpha():
        return False
    return last[0].isalpha() or last in _SPACE_AFTER or last == ")"


def normalize(text: str, lexicon: Lexicon = NO_LEXICON) -> str:
    """The spoken form of `text`."""
    return read(text, lexicon).said


def spoken_words(text: str, lexicon: Lexicon = NO_LEXICON) -> list[tuple[int, int, str]]:
    """(start, end, spoken form) of each word of the source."""
    return [(word.start, word.end, word.said) for word in read(text, lexicon).words]


def text_to_ids(text: str, lexicon: Lexicon = NO_LEXICON) -> list[int]:
    """The ids of `normalize(text)`, 2 to 65, then END_ID; [END_ID] if nothing can be spoken."""
    return ids_of(normalize(text, lexicon))
