"""Chemical formulas by letters and numbers: "NaCl", "C6H12O6", "Fe(OH)3", "Na+"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words, paired_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, rule

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


_ISOTOPES = {
    "H": "hydrogen", "He": "helium", "Li": "lithium", "Be": "beryllium", "C": "carbon",
    "N": "nitrogen", "O": "oxygen", "F": "fluorine", "P": "phosphorus", "S": "sulfur",
    "K": "potassium", "Ar": "argon", "Ca": "calcium", "Fe": "iron", "Co": "cobalt",
    "Sr": "strontium", "Tc": "technetium", "I": "iodine", "Xe": "xenon", "Cs": "cesium",
    "Pb": "lead", "Po": "polonium", "Rn": "radon", "Ra": "radium", "Th": "thorium",
    "U": "uranium", "Pu": "plutonium", "Am": "americium",
}  # fmt: skip


def _isotope(match: re.Match[str]) -> str:
    """¹⁴C"""
    mass = match["mass"]
    said = paired_words(mass) if len(mass) == 3 else cardinal_words(mass)
    return f"{_ISOTOPES[match['element']]} {said}"


RULES = (
    rule(
        rf"(?<![A-Za-z0-9)\]}}])\^(?P<mass>[0-9]{{1,3}})(?P<element>{'|'.join(_ISOTOPES)})(?![a-z])",
        _isotope,
        SIGN,
    ),
    rule(
        r"(?P<mass>14)(?P<element>C)(?= (?:dating|dates?|dated|ages?|analysis|labeled|levels))",
        _isotope,
    ),
    rule(r"(?P<element>U|Pu|Cs|Th|Am)-(?P<mass>[1-2][0-9]{2})(?![0-9A-Za-z-])", _isotope, LETTER),
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
