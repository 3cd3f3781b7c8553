"""SSML's `<say-as>`: content rewritten so that it is read as the element says."""

import re
from itertools import groupby

SEPARATELY = frozenset(("characters", "character", "spell-out", "verbatim", "digits", "telephone"))
"""Values of `interpret-as` that spell each character."""

LETTER_WORDS = {"a": "eigh", "i": "eye"}
"""Names of the letters that are words too, as they sound."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ORDINAL_ENDINGS = {"1": "st", "2": "nd", "3": "rd"}


def written_as(text: str, interpret_as: str, format_: str = "") -> str:
    """The content of a `<say-as>` in the form that is read as meant, else the text itself.

    "3" as an ordinal -> "3rd", "1984" as a cardinal -> "1,984", "10/11/12" as a date in "dmy" ->
    "November 10, 2012".
    """
    plain = text.strip()
    match interpret_as:
        case "ordinal" if plain.isdecimal():
            teen = plain[-2:-1] == "1"
            return plain + ("th" if teen else _ORDINAL_ENDINGS.get(plain[-1], "th"))
        case "cardinal" | "number" if plain.isdecimal() and plain.isascii() and len(plain) < 16:
            return f"{int(plain):,}"
        case "fraction":
            return plain.replace("+", " ")
        case "expletive" | "bleep":
            return "beep" if plain else text
        case "date":
            return _date(plain, format_.lower()) or text
    return text


def _date(text: str, format_: str) -> str | None:
    """Numbers in the order of `format_`, such as "mdy" or "yyyymmdd", as a date."""
    fields = [(letter, len([*same])) for letter, same in groupby(re.sub("[^a-z]", "", format_))]
    numbers = re.findall("[0-9]{1,8}", text)
    if len(numbers) == 1 and len(numbers[0]) == sum(width for _, width in fields):
        digits = iter(numbers[0])
        numbers = ["".join(next(digits) for _ in range(width)) for _, width in fields]
    letters = [letter for letter, _ in fields]
    if len(numbers) != len(fields) or set(letters) - set("ymd") or len({*letters}) < len(letters):
        return None
    found = dict(zip(letters, numbers, strict=True))
    year, month, day = (found.get(letter, "") for letter in "ymd")
    if len(year) == 2:
        year = ("20" if year < "70" else "19") + year
    if month and not 1 <= int(month) <= 12:
        return None
    name = _MONTHS[int(month) - 1] if month else ""
    before_year = f"{name} {day.lstrip('0')}".strip()
    return (
        ", ".join(filter(None, (before_year, year))) if name and day else f"{name} {year}".strip()
    )
