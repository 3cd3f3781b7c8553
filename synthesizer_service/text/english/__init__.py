"""English text normalization: written text to spoken words.

The text is read token by token. At each position the first rule that matches gives the words.
Without a match, the token is a word, a punctuation mark, or dropped. Each module holds the rules of
one kind; `_RULES` is their order of precedence.
"""

import re
import string
from collections.abc import Mapping
from typing import NamedTuple

from synthesizer_service.text.english import (
    abbreviations,
    addresses,
    chemistry,
    chess,
    codes,
    coordinates,
    dates,
    functions,
    initialisms,
    maths,
    money,
    music,
    numbers,
    prescriptions,
    programs,
    roman,
    scripture,
    signs,
    sports,
    times,
    units,
)
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, Rule
from synthesizer_service.text.english.transliteration import transliterate
from synthesizer_service.text.lexicon import NO_LEXICON, Lexicon
from synthesizer_service.text.symbols import PUNCTUATION

_RULES = (
    *initialisms.SPECIAL_RULES,
    *scripture.RULES,
    *chess.RULES,
    *chemistry.RULES,
    *music.RULES,
    *coordinates.RULES,
    *prescriptions.RULES,
    *programs.RULES,
    *sports.RULES,
    *addresses.RULES,
    *codes.RULES,
    *dates.RULES,
    *times.RULES,
    *money.RULES,
    *numbers.RULES,
    *units.RULES,
    *numbers.SIGN_RULES,
    *functions.RULES,
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
    """A span of the source and its words, or one punctuation mark."""

    start: int
    end: int
    words: str
    spaced: bool
    """True if a blank or something unspoken separates it from the previous one."""


def spoken(text: str, lexicon: Lexicon = NO_LEXICON) -> list[Spoken]:
    """The spoken words and marks of `text`, in order. Takes time linear in its length."""
    written, origins = transliterate(text)
    found: list[Spoken] = []
    at, spaced = 0, False
    while at < len(written):
        end, words = _next(written, at, lexicon)
        if words:
            source_end = origins[end - 1] + 1
            found.append(Spoken(origins[at], source_end, words, spaced))
            spaced = False
        elif written[at].isspace() or end > at + 1 or _opens_index(written, at):
            spaced = True
        at = end
    return found


def _opens_index(written: str, at: int) -> bool:
    """The bracket of c["key"]."""
    return written[at] == "[" and written[at - 1 : at].isalnum()


def _next(written: str, at: int, lexicon: Lexicon) -> tuple[int, str]:
    """End and words of the token that starts at `at`."""
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
