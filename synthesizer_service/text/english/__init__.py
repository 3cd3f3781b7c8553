"""English text as a person would read it aloud: what is written -> what is said.

The text is taken token by token from its start. At each, the first rule whose pattern matches there
says its words; what no rule takes is a word, a mark of punctuation, or left out. Each module has
the rules of one kind.
"""

import re
import string
from collections.abc import Mapping
from typing import NamedTuple

from synthesizer_service.text.english import (
    abbreviations,
    addresses,
    codes,
    dates,
    initialisms,
    maths,
    money,
    numbers,
    roman,
    signs,
    times,
    units,
)
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, Rule
from synthesizer_service.text.english.transliteration import transliterate
from synthesizer_service.text.lexicon import NO_LEXICON, Lexicon
from synthesizer_service.text.symbols import PUNCTUATION

_RULES = (
    *initialisms.SPECIAL_RULES,
    *addresses.RULES,
    *codes.RULES,
    *dates.RULES,
    *times.RULES,
    *money.RULES,
    *numbers.RULES,
    *units.RULES,
    *numbers.SIGN_RULES,
    *maths.RULES,
    *maths.SIGN_RULES,
    *roman.RULES,
    *abbreviations.RULES,
    *maths.BETWEEN_NUMBERS,
    *codes.MIXED_RULES,
    *initialisms.RULES,
    *numbers.LAST_RULES,
    *signs.RULES,
)
_RULES_OF: Mapping[str, tuple[Rule, ...]] = {
    kind: tuple(rule for rule in _RULES if kind in rule.starts) for kind in (DIGIT, LETTER, SIGN)
}
_LETTERS = frozenset(string.ascii_letters)
_WORD = re.compile(r"[A-Za-z]++(?:'[A-Za-z]++)*+")


class Spoken(NamedTuple):
    """A stretch of the source, and what is said for it: words, or one mark of punctuation."""

    start: int
    end: int
    words: str
    spaced: bool
    """True if something that is not said stands between it and the one before."""


def spoken(text: str, lexicon: Lexicon = NO_LEXICON) -> list[Spoken]:
    """The words and marks that are said for `text`, in its order. Linear in its length."""
    written, origins = transliterate(text)
    found: list[Spoken] = []
    at, spaced = 0, False
    while at < len(written):
        end, words = _next(written, at, lexicon)
        if words:
            source_end = origins[end - 1] + 1
            found.append(Spoken(origins[at], source_end, words, spaced))
            spaced = False
        elif written[at].isspace() or end > at + 1:
            spaced = True
        at = end
    return found


def _next(written: str, at: int, lexicon: Lexicon) -> tuple[int, str]:
    """The end of the token that starts at `at`, and the words for it."""
    character = written[at]
    if character.isspace():
        return at + 1, ""
    if respelled := lexicon.match(written, at):
        return respelled
    kind = DIGIT if character.isdecimal() else LETTER if character in _LETTERS else SIGN
    for pattern_rule in _RULES_OF[kind]:
        match = pattern_rule.pattern.match(written, at)
        if match and (words := pattern_rule.say(match)) is not None:
            return max(match.end(), at + 1), words.lower()
    if kind == LETTER and (word := _WORD.match(written, at)):
        return word.end(), word[0].lower()
    return at + 1, character if character in PUNCTUATION else ""
