"""Chemical formulas by letters and numbers: "NaCl", "C6H12O6", "Fe(OH)3", "Na+"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, rule

_TWO_LETTERS = "Na|Mg|Al|Si|Cl|Ca|Cr|Mn|Fe|Cu|Zn|Br|Ag|Ba|Pb|Hg|Li"
_ELEMENT = rf"(?:{_TWO_LETTERS}|[HBCNOFPSKI])"
_COUNTED = rf"{_ELEMENT}[0-9]{{0,2}}"
_PARTS = re.compile(r"[A-Z][a-z]?|[0-9]+")


def _formula(match: re.Match[str]) -> str | None:
    """None for a word, a code or an initialism: "NaN", "H1N1", "CO"."""
    symbols = _PARTS.findall(match[0])
    elements = [symbol for symbol in symbols if symbol.isalpha()]
    is_long = symbols[0].isalpha() and len(symbols) > 4 and len(set(elements)) < len(symbols) - 1
    named = any(len(element) == 2 for element in elements)
    if match[0] == "NaN" or len(elements) < 2 or not (named or "(" in match[0] or is_long):
        return None
    return " ".join(
        cardinal_words(symbol) if symbol.isdecimal() else spell(symbol) for symbol in symbols
    )


def _ion(match: re.Match[str]) -> str:
    sign = "plus" if match["sign"] == "+" else "minus"
    return " ".join(filter(None, (spell(match["element"]), spell(match["count"]), sign)))


RULES = (
    rule(
        rf"(?<![A-Za-z0-9-])(?:[1-9][0-9]?)?(?:{_COUNTED}|\((?:{_COUNTED}){{1,4}}\)[0-9]{{0,2}}){{2,12}}+"
        r"(?![A-Za-z0-9]|-[A-Za-z0-9])",
        _formula,
        LETTER,
        DIGIT,
    ),
    rule(
        r"(?<![A-Za-z0-9])(?P<element>Na|Ca|Mg|Cl|Li|Fe|Cu|Zn|Al|Ag)(?P<count>[1-4]?)(?P<sign>[+-])"
        r"(?![A-Za-z0-9+-])",
        _ion,
        LETTER,
    ),
)
