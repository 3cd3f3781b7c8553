"""A rule of reading: a pattern for a stretch of text, and the words that are said for it.

A rule is tried where a token starts, so its pattern needs no search. Its repeats are bounded, or
possessive over text that the rule then takes whole: reading stays linear in the text.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

Say = Callable[[re.Match[str]], str | None]
"""The words for a match; None where the rule does not apply after all."""

DIGIT, LETTER, SIGN = "digit", "letter", "sign"
CONTEXT = 40  # characters that a rule may look back or ahead


class Rule(NamedTuple):
    starts: tuple[str, ...]
    """The kinds of characters that a match may start with."""
    pattern: re.Pattern[str]
    say: Say


def rule(pattern: str, say: Say | str, *starts: str) -> Rule:
    """say: a function of the match, or the words themselves."""
    words = (lambda match: say) if isinstance(say, str) else say
    return Rule(starts or (DIGIT,), re.compile(pattern), words)


def before(match: re.Match[str]) -> str:
    """The text that leads up to the match, `CONTEXT` characters at most."""
    start = match.start()
    return match.string[max(0, start - CONTEXT) : start]


def after(match: re.Match[str]) -> str:
    """The text that follows the match, `CONTEXT` characters at most."""
    return match.string[match.end() : match.end() + CONTEXT]


def any_of(words: str) -> str:
    """An alternation of space-separated words, the longest first."""
    return "|".join(sorted(map(re.escape, words.split()), key=len, reverse=True))


def listed(words: str) -> list[str]:
    """Words that are written one after the other."""
    return words.split()
