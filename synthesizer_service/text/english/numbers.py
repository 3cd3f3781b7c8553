"""Numbers: cardinals, years, decimals, digit grouping by country, ordinals, decades."""

import re
from typing import NamedTuple

from synthesizer_service.text.english.number_words import (
    cardinal_words,
    digit_words,
    integer_words,
    ordinal_words,
    paired_words,
    plural_words,
    quantity_words,
    two_digit_words,
)
from synthesizer_service.text.english.rules import DIGIT, SIGN, after, before, rule

GROUP_SPACE = "\u00a0"
"""A no-break space between the groups of a number; every other blank is a plain space."""

_WRITTEN = (
    rf"[0-9]{{1,3}}(?:{GROUP_SPACE}[0-9]{{3}}){{1,5}}(?:[.,][0-9]{{1,2}})?",
    r"[1-9][0-9]{0,2}(?: [0-9]{3}){2,5}(?:[.,][0-9]{1,2})?(?! ?[0-9])",
    r"[1-9][0-9]{0,2} 000(?! ?[0-9])",
    # One group after a space may be a number of its own: 2 500 mg tablets.
    r"[1-9][0-9]{0,2} [0-9]{3}(?:,[0-9]{2})?(?= ?(?:[€£$¥₩]|euros?\b|people\b)|[.,;:!?)]? ?\Z)",
    r"[1-9][0-9]{0,2}(?:'[0-9]{3}){1,5}(?:\.[0-9]{1,2})?",
    r"[1-9][0-9]{0,2}(?:_[0-9]{3}){1,5}",
    r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5}(?:\.[0-9]{1,20})?",
    r"[1-9][0-9]?(?:,[0-9]{2}){1,3},[0-9]{3}(?:\.[0-9]{1,2})?",  # lakhs and crores
    r"[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,5}(?:,[0-9]{1,2})?",
    r"[1-9][0-9]{0,2}\.[0-9]{3},[0-9]{1,2}",
    r"[0-9]{1,15},[0-9]{1,2}",
    r"0,[0-9]{1,20}",
    r"[0-9]{1,15}(?:\.[0-9]{1,20})?",
    r"(?<![0-9A-Za-z.])\.[0-9]{1,20}",
)
NUMBER = rf"(?<![0-9][.,])(?:{'|'.join(_WRITTEN)})"
AMOUNT = rf"{NUMBER}(?![0-9]|[.,][0-9]|_[0-9])"
"""A complete number: not the start of 1.2.3 or 1,2,3."""


class Quantity(NamedTuple):
    """Digits before and after the decimal point. bare: the source has digits only."""

    whole: str
    fraction: str
    bare: bool

    @property
    def is_one(self) -> bool:
        return self.whole.lstrip("0") == "1" and not self.fraction

    def words(self) -> str:
        """The number as an amount, never as a year: "3.14" -> "three point one four"."""
        return quantity_words(self.whole, self.fraction)


def quantity(written: str) -> Quantity:
    """Parse a match of `NUMBER`."""
    if written.isdecimal():
        return Quantity(written, "", bare=True)
    digits = re.sub(rf"[ '_{GROUP_SPACE}]", "", written)
    point = _decimal_point(digits)
    whole, _, fraction = digits.rpartition(point) if point else (digits, "", "")
    return Quantity(re.sub("[.,]", "", whole), fraction, bare=False)


def _decimal_point(digits: str) -> str:
    """The decimal separator, "" if there is none."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return ""
    point = digits[last]
    if digits.count(point) > 1:
        return ""
    if point == "," and "." not in digits and len(digits) - last == 4:
        return "," if digits.startswith("0") else ""  # 1,234 is grouped
    return point


def number_words(written: str) -> str:
    """A match of `NUMBER` in words; bare integers may be years or serial numbers."""
    number = quantity(written)
    return integer_words(number.whole) if number.bare else number.words()


def plain_words(written: str) -> str:
    """A match of `NUMBER` in words, as an amount: 1500 is "one thousand, five hundred"."""
    return quantity(written).words()


# Signs before and between numbers


def _minus(match: re.Match[str]) -> str | None:
    if re.search(r"[0-9] [ap]\.m\. $", before(match)):
        return None  # RTVC's reading of "to 9 p.m. -5 degrees"
    return "minus"


def _to(match: re.Match[str]) -> str | None:
    """The dash of a range or a score, not of a code such as 1-2-3."""
    lead = before(match)
    if re.search(r"\bpp\.[0-9]{1,4}$", lead):
        return "to"
    if re.search(r"(?:[0-9]-|[A-Za-z])[0-9.,]{1,9}$", lead):
        return None
    halves = re.search("[^0-9](50|24)$", f" {lead}")
    if halves and re.match({"50": "50", "24": "7"}[halves[1]] + r"(?![0-9.,%])", after(match)):
        return ""  # 50-50, 24-7
    return None if re.match(r"[0-9.,]{1,9}-[0-9]", after(match)) else "to"


def _spaced_dash(match: re.Match[str]) -> str | None:
    """ "9 am - 5 pm" and "5 - 3 = 2"."""
    lead, rest = before(match), after(match)
    if re.search(r"(?:[0-9]:[0-9]{2}|[0-9] ?[ap]\.?m\.?) $", lead, re.IGNORECASE):
        return "to"
    return "minus" if "=" in rest or re.search(r"[=+*/÷×] ?[0-9.]+ $", lead) else None


# Ordinals and decades

_PAIRED_BEFORE = re.compile(
    r"\b(?:Boeing|Flight|flight|Xbox|Route|Rte\.|Highway|Hwy|Interstate|RTX|GTX|Porsche) "
    r"(?:[A-Z]{2} )?$"
)


def _paired(match: re.Match[str]) -> str | None:
    """Boeing 747, 401(k)"""
    digits, rest = match[0], after(match)
    if digits == "911" and re.match(r"[.!?]?$|[,.] | (?:call|operator|dispatcher|emergency)", rest):
        return digit_words(digits)
    paired = _PAIRED_BEFORE.search(before(match)) or re.match(r"\([a-z]\)", rest)
    return paired_words(digits) if paired and digits[0] != "0" else None


_DECADE_BEFORE = re.compile(
    r"\b(?:the|his|her|my|your|our|their|early|mid|late|high|low|in|into)[ -]$", re.IGNORECASE
)

_DECADE_AFTER = re.compile(
    r" (?:music|hits|style|movies?|films?|fashion|vibes?|era|pop|rock|disco|party|themed|kids?|"
    r"retro|nostalgia|show|shows|sitcoms?|child|babies|songs?|tunes|hair|synth\w{0,4})\b"
)


def _decade(match: re.Match[str]) -> str | None:
    if len(match[1]) == 4:
        return plural_words(integer_words(match[1]))
    meant = _DECADE_BEFORE.search(before(match)) or _DECADE_AFTER.match(after(match))
    return plural_words(cardinal_words(match[1])) if meant else None


_SOFTWARE_BEFORE = re.compile(
    r"\b(?:[Vv]ersions?|[Rr]eleases?|Python|Java|PHP|Ruby|Go|Rust|Node|Ubuntu|Debian|Fedora|"
    r"Android|iOS|macOS|Windows|Django|Postgres|PostgreSQL|MySQL|Redis|Linux|Kernel|CUDA) $"
)


PLURAL_BEFORE = re.compile(
    r"\b(?:under|over|two|three|four|five|six|several|some|few|size)[- ]$", re.IGNORECASE
)


def _several(match: re.Match[str]) -> str | None:
    """free for under-5s, two 5s"""
    if not PLURAL_BEFORE.search(before(match)):
        return None
    return plural_words(cardinal_words(match[1]))


_COUNTED_AFTER = re.compile(r" (?!miles\b|runs\b|races\b)(?:[a-z]{3,}s|ops|people|euros?)\b|\+")


def _thousands(match: re.Match[str]) -> str | None:
    """1.2k users, 10k followers; a 5K run is five kay."""
    if not quantity(match["amount"]).fraction and not _COUNTED_AFTER.match(after(match)):
        return None
    return f"{plain_words(match['amount'])} thousand"


def _version(match: re.Match[str]) -> str | None:
    """Python 3.11"""
    if not _SOFTWARE_BEFORE.search(before(match)):
        return None
    return " point ".join(map(cardinal_words, match[0].split(".")))


def _dotted(match: re.Match[str]) -> str:
    return " point ".join(map(integer_words, match[0].split(".")))


SIGN_RULES = (
    rule(r"(?<![0-9A-Za-z.,%°)'\"])[-−]-?(?=[$€£¥₩]?\.?[0-9])", _minus, SIGN),
    rule(r"−(?= ?[0-9A-Za-z(])|(?<=[=+*/<>(] )-(?=[A-Za-z])|(?<=\()-(?=[A-Za-z])", "minus", SIGN),
    rule(r"(?<=[0-9],)-(?=[0-9]{1,3}\.[0-9]{3})", "minus", SIGN),  # 37.7749,-122.4194
    rule(r"(?<=[0-9%°])--?(?=[$€£¥₩]?\.?[0-9])", _to, SIGN),
    rule(r"(?:(?<=[0-9]0s)|(?<=[0-9](?:st|nd|rd|th)))--?(?='?[0-9])", "to", SIGN),
    rule(r"(?<=Q[1-4])-(?=Q[1-4])|(?<=H[12])-(?=H[12])", "to", SIGN),
    rule(r"(?<=[0-9][a-z])-(?=[a-z](?![A-Za-z0-9]))", "to", SIGN),  # Fig. 2a-c
    rule(r"(?:(?<=[ap]\.m\.)|(?<=[0-9][ap]m))--?(?=noon|midnight)", "to", SIGN),
    rule(r"(?<=[0-9][ap])--?(?=[0-9]{1,2}(?::[0-9]{2})?[ap])", "to", SIGN),  # 7:05a-10:20a
    rule(r"(?:(?<=mos\.)|(?<=yrs\.)|(?<=hrs\.)|(?<=lbs\.)|(?<=min\.))--?(?=[0-9])", "to", SIGN),
    rule(r"(?:(?<=BC)|(?<=BCE)|(?<=AD)|(?<=CE))--?(?=AD |[0-9])", "to", SIGN),
    rule(r"(?<=[0-9%°])--?(?=[-−'][0-9])|(?<=noon|ight)--?(?=[0-9])", "to", SIGN),
    rule(
        r"(?:(?<=[0-9] [ap]\.m\.)|(?<=[0-9][APap][Mm])|(?<=[0-9] [APap][Mm]))--?(?=[0-9])",
        "to",
        SIGN,
    ),
    rule(r"(?<=[0-9MmCFcf.] )--?(?= [-−]?[0-9])", _spaced_dash, SIGN),
)
RULES = (
    rule(
        r"([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18})(?:st|nd|rd|th|ST|ND|RD|TH)(?![A-Za-z0-9])",
        lambda match: ordinal_words(match[1].replace(",", "")),
    ),
    rule(r"([1-9][0-9]{2}0|[1-9]0)'?s(?![A-Za-z0-9])", _decade),
    rule(r"([0-9]{1,2})s(?![A-Za-z0-9])", _several),
    rule(  # B-52s
        r"(?<=[A-Z]-)([0-9]{2,3})s(?![A-Za-z0-9])",
        lambda match: plural_words(cardinal_words(match[1])),
    ),
    rule(r"'([1-9]0)s(?![A-Za-z0-9])", lambda match: plural_words(cardinal_words(match[1])), SIGN),
    rule(
        r"(?:(?<![A-Za-z0-9])|(?<=[QH][1-4]))'([0-9]{2})(?![A-Za-z0-9'])",
        lambda match: two_digit_words(match[1]),
        SIGN,
    ),
    rule(rf"(?P<amount>{NUMBER})[kK](?![A-Za-z0-9])", _thousands),
    rule(r"[0-9]{3,4}(?![0-9A-Za-z]|[.,:/-][0-9])", _paired),
    rule(r"[0-9]{16,}+", lambda match: digit_words(match[0])),
)
LAST_RULES = (
    rule(r"[0-9]{1,3}\.[1-9][0-9]{1,2}(?![0-9]|[.,][0-9])", _version),
    rule(AMOUNT, lambda match: number_words(match[0]), DIGIT, SIGN),
    rule(r"[0-9]{1,5}(?:\.[0-9]{1,9}){2,12}(?![0-9])", _dotted),
    rule(r"[0-9]{1,15}", lambda match: integer_words(match[0])),
)
