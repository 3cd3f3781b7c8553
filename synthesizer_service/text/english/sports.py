"""Results of matches: "Federer d. Nadal 6-4" -> "defeated", "245/6 (50 ov)" -> "for six"."""

import re

from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import LETTER, SIGN, before, rule


def _defeated(match: re.Match[str]) -> str | None:
    """ "def." and "d." between two names."""
    return "defeated" if re.search(r"\b[A-Z][A-Za-z.'-]+ $", before(match)) else None


def _innings(match: re.Match[str]) -> str:
    return f"{cardinal_words(match['runs'])} for {cardinal_words(match['wickets'])}"


def _tie_break(match: re.Match[str]) -> str | None:
    """The (5) of 7-6(5)."""
    return f", {cardinal_words(match[1])}" if re.search("7-6$|6-7$", before(match)) else None


def _record(match: re.Match[str]) -> str:
    """12W-3L-2D"""
    counted = zip(match.groups(), ("win", "loss", "draw"), strict=True)
    return ", ".join(_results(digits, result) for digits, result in counted if digits)


def _results(digits: str, result: str) -> str:
    plural = {"loss": "losses"}.get(result, f"{result}s")
    return f"{cardinal_words(digits)} {result if digits == '1' else plural}"


RULES = (
    rule(r"([0-9]{1,3})W[- ]([0-9]{1,3})L(?:[- ]([0-9]{1,3})[DT])?(?![A-Za-z0-9])", _record),
    rule(r"def\.(?= [A-Z][a-z])", _defeated, LETTER),
    rule(r"d\.(?= [A-Z][A-Za-z. -]{1,30} [0-9]{1,3}-[0-9])", _defeated, LETTER),
    rule(
        r"(?P<runs>[0-9]{1,3})/(?P<wickets>10|[0-9])"
        r"(?= ?\(?[0-9]{1,2}(?:\.[0-9])? ?ov(?:ers)?\b| in [0-9]{1,2}(?:\.[0-9])? overs)",
        _innings,
    ),
    rule(r"ov(?=\))", "overs", LETTER),
    rule(r"\(([0-9]{1,2})\)", _tie_break, SIGN),
)
