"""Times, ranges, fractions, units, ordinals and plain numbers in a lower-case ASCII text as words.

Each rule rewrites the text for those below it; the last one reads every number that is left.
"""

import re

from synthesizer_service.number_words import (
    NUMERAL,
    QUANTITY,
    cardinal_words,
    digit_words,
    integer_words,
    numeral_words,
    ordinal_words,
    plural_words,
    two_digit_words,
)

# What must not stand before or after a number for it to be a range, a fraction or a time:
# anything that makes it part of a longer code (1-2-3, 10/5/2023, 1:2:3:4).
_STARTS = r"(?<![\w/:-])(?<![0-9][.,])"
_ENDS = r"(?![0-9/:]|[.,-][0-9])"

_ORDINAL = re.compile(rf"(?<![a-z])({NUMERAL})(?:st|nd|rd|th)(?![a-z0-9])")
_PLURAL = re.compile(rf"(?<![a-z])({NUMERAL})s(?![a-z0-9])")
_GLUED = re.compile(r"(?<=[0-9])(?=[a-z])|(?<=[a-z])(?=[0-9])")

_MERIDIEM = re.compile(r"(:[0-5][0-9]|(?<![0-9:.,])(?:1[0-2]|0?[1-9])) ([ap])m\b\.?")
_TIME = re.compile(
    rf"{_STARTS}([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?![0-9/:]|[.,][0-9])"
    r"(?P<named> [ap]\.m\.| o'clock| noon| midnight)?"
)
_TO = re.compile(
    r"(?:(?<=:[0-9]{2})|(?<=[0-9] [ap]\.m\.)|(?<=[0-9] percent))-(?=[0-9])"  # 9:30-10:30, 5%-10%
)
_PHONE = re.compile(
    rf"{_STARTS}(?:(?:[0-9]{{1,4}}-){{1,2}}[0-9]{{3,4}}-[0-9]{{4}}|[0-9]{{3}}-[0-9]{{3}}[1-9])"
    rf"{_ENDS}"
)
_RANGE = re.compile(rf"{_STARTS}({NUMERAL})-({NUMERAL}){_ENDS}")

# Only units that nothing else is written as: not m, g, in or t.
_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "ml": ("milliliter", "milliliters"),
    "ft": ("foot", "feet"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"),
    "mhz": ("megahertz", "megahertz"),
    "ghz": ("gigahertz", "gigahertz"),
    "kb": ("kilobyte", "kilobytes"),
    "mb": ("megabyte", "megabytes"),
    "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"),
    "°": ("degree", "degrees"),
    "°c": ("degree celsius", "degrees celsius"),
    "°f": ("degree fahrenheit", "degrees fahrenheit"),
}
_UNIT = re.compile(
    rf"({NUMERAL}) ?((?:km/h|{'|'.join(unit for unit in _UNITS if unit.isalpha())})\b|° ?[cf]\b|°)"
    r"(?=(?P<glued>[a-z])?)"
)

_FRACTION = re.compile(
    rf"{_STARTS}(?:(?P<whole>[0-9]{{1,3}}) )?(?P<over>[1-9])/(?P<under>[2-9]|10){_ENDS}"
)
_NUMERAL = re.compile(NUMERAL)


def expand_numerals(text: str) -> str:
    """Every digit of lower-case `text` as words; the rest as it was.

    Linear in the length of `text`. "-5" stays "-five", as in RTVC.
    """
    text = _ORDINAL.sub(_ordinal, text)
    text = _PLURAL.sub(lambda match: plural_words(numeral_words(match[1])), text)
    text = _GLUED.sub(" ", text)  # mp3, 5km, b2b
    text = _MERIDIEM.sub(r"\1 \2.m.", text)
    text = _TO.sub(" to ", text)
    text = _TIME.sub(_time, text)
    text = _PHONE.sub(lambda match: ", ".join(map(digit_words, match[0].split("-"))), text)
    text = _RANGE.sub(_range, text)
    text = _UNIT.sub(_unit, text)
    text = _FRACTION.sub(_fraction, text)
    return _NUMERAL.sub(lambda match: numeral_words(match[0]), text)


def _ordinal(match: re.Match[str]) -> str:
    quantity = QUANTITY.fullmatch(match[1])
    if quantity is None or quantity["fraction"]:
        return match[0]
    return ordinal_words(match[1].replace(",", ""))


def _time(match: re.Match[str]) -> str:
    hour, minute, second = match.group(1, 2, 3)
    named = match["named"] or ""
    hour_words = cardinal_words(hour)
    if second:
        return f"{hour_words} {two_digit_words(minute)} {two_digit_words(second)}{named}"
    if minute != "00":
        return f"{hour_words} {two_digit_words(minute)}{named}"
    if named or 1 <= int(hour) <= 12:
        return hour_words + (named or " o'clock")
    return f"{hour_words} hundred" if int(hour) else "midnight"


def _range(match: re.Match[str]) -> str:
    low, high = match.group(1, 2)
    return f"{low} to {high}" if _ascending(low, high) else match[0]


def _ascending(low: str, high: str) -> bool:
    if not (QUANTITY.fullmatch(low) and QUANTITY.fullmatch(high)):
        return False
    if len(low) == 4 and len(high) == 2 and (low + high).isdecimal():
        return low[2:] < high  # 1990-95
    return float(low.replace(",", "")) < float(high.replace(",", ""))


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match[2].replace(" ", "")]
    words = f"{match[1]} {one if match[1] == '1' else many}"
    return words if match["glued"] is None else f"{words} "


def _fraction(match: re.Match[str]) -> str:
    over, under = int(match["over"]), int(match["under"])
    if over >= under:
        return match[0]
    whole = f"{integer_words(match['whole'])} and " if match["whole"] else ""
    if whole and under == 2:
        return f"{whole}a half"
    part = {2: "half", 4: "quarter"}.get(under) or ordinal_words(match["under"])
    return f"{whole}{cardinal_words(match['over'])} {part}{'' if over == 1 else 's'}"
