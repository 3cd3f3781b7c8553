"""Normalization rules: a pattern and the words for its match.

Rules are tried at the start of a token, without searching. Repeats in patterns are bounded, or
possessive over text that the match consumes, which keeps normalization linear in the text.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

Say = Callable[[re.Match[str]], str | None]
"""Returns the words for a match, or None if the rule does not apply in this context."""

DIGIT, LETTER, SIGN = "digit", "letter", "sign"
CONTEXT = 40  # characters before and after a match that a rule may inspect

EQUATED_BEFORE = re.compile(r"[=+*×÷−] ?\(?$")
EQUATED_AFTER = re.compile(r"\)? ?[=+*×÷−](?!-)")
"""An equation around a number."""


class Rule(NamedTuple):
    starts: tuple[str, ...]
    """Kinds of characters that a match may start with: DIGIT, LETTER, SIGN."""
    pattern: re.Pattern[str]
    say: Say


def rule(pattern: str, say: Say | str, *starts: str) -> Rule:
    """Build a rule. say: a function of the match, or constant words. starts: DIGIT by default."""
    words = (lambda match: say) if isinstance(say, str) else say
    return Rule(starts or (DIGIT,), re.compile(pattern), words)


def before(match: re.Match[str]) -> str:
    """The text before the match, at most `CONTEXT` characters."""
    start = match.start()
    return match.string[max(0, start - CONTEXT) : start]


def after(match: re.Match[str]) -> str:
    """The text after the match, at most `CONTEXT` characters."""
    return match.string[match.end() : match.end() + CONTEXT]


_ARTICLE_BEFORE = re.compile(r"\b(?:[Aa]n?|[Aa]nother) $")
_NOUN_AFTER = re.compile(
    r" (?!(?:a|an|and|apart|at|away|by|each|for|from|in|is|of|on|or|per|than|to|was|with)\b)"
    r"[a-z]{2}"
)


def is_attributive(match: re.Match[str]) -> bool:
    """True for a measure before a noun: the "5 km" of "a 5 km run"."""
    return bool(_ARTICLE_BEFORE.search(before(match)) and _NOUN_AFTER.match(after(match)))


def any_of(words: str) -> str:
    """A regular expression for any of the space-separated words, the longest first."""
    return "|".join(sorted(map(re.escape, words.split()), key=len, reverse=True))


def listed(words: str) -> list[str]:
    """Split space-separated words."""
    return words.split()
