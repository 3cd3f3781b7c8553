"""Signs that have a word of their own, and those that leave none."""

import re

from synthesizer_service.text.english.number_words import integer_words
from synthesizer_service.text.english.rules import LETTER, SIGN, after, before, rule

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORDS = {
    "%": "percent",
    "‰": "per mille",
    "&": "and",
    "@": "at",
    "+": "plus",
    "°": "degrees",
    "Ω": "ohms",
}


def _hash(match: re.Match[str]) -> str:
    if re.match(r" ?[0-9]", after(match)):
        return "number"
    return "hashtag" if re.match(r"[A-Za-z_]", after(match)) else "hash"


def _heading(match: re.Match[str]) -> str | None:
    return None if before(match).strip() else ""


def _hashtag(match: re.Match[str]) -> str:
    """ "#MeToo": "hashtag me too"."""
    words = _CAMEL.findall(match["tag"])
    said = [integer_words(word) if word.isdecimal() else word for word in words]
    return " ".join(["hashtag", *said])


def _dot(match: re.Match[str]) -> str | None:
    return "dot" if re.match(r"[a-z]{2}", after(match)) else None


RULES = (
    rule(
        r"(?<![A-Za-z0-9])(?:[:;]-?[()DPp/|]|:'\(|<3|:-?\*|[xX]D)(?![A-Za-z0-9(])", "", SIGN, LETTER
    ),
    rule(r"&&", "and", SIGN),
    rule(r"[%‰&@+°Ω]", lambda match: _WORDS[match[0]], SIGN),
    rule(r"#{1,6}(?= [A-Za-z])", _heading, SIGN),
    rule(r"#(?P<tag>[A-Za-z][A-Za-z0-9_]{1,60})", _hashtag, SIGN),
    rule(r"#", _hash, SIGN),
    rule(r"(?<=[a-z])\(s\)", "", SIGN),
    rule(r"§§", "sections", SIGN),
    rule(r"§", "section", SIGN),
    rule(r"(?<=[a-z][a-z])\.", _dot, SIGN),
)
