"""Dates, months and weekdays: 2026-11-30, 11/30/2026, "Wed, Apr 3", "the 3rd of May"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import (
    cardinal_words,
    integer_words,
    ordinal_words,
)
from synthesizer_service.text.english.rules import (
    EQUATED_AFTER,
    EQUATED_BEFORE,
    LETTER,
    SIGN,
    after,
    any_of,
    before,
    listed,
    rule,
)
from synthesizer_service.text.english.times import clock_words

MONTHS = listed(
    "January February March April May June July August September October November December"
)
_MONTH_OF = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_WEEKDAY_OF = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Tues": "Tuesday",
    "Wed": "Wednesday",
    "Weds": "Wednesday",
    "Thu": "Thursday",
    "Thur": "Thursday",
    "Thurs": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
_SHORT_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_MONTH = rf"(?:{'|'.join(MONTHS)}|(?:{_SHORT_MONTH}|{_SHORT_MONTH.upper()})\b\.?)"
_DAY = r"(?:3[01]|[12][0-9]|0?[1-9])"
_YEAR = r"(?:1[0-9]{3}|20[0-9]{2})"


def _full(month: str) -> str:
    return _MONTH_OF.get(month.rstrip(".").capitalize(), month)


def _date_words(month: int, day: int, year: str) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    year_words = f", {_year_words(year)}" if year else ""
    return f"{MONTHS[month - 1]} {ordinal_words(str(day))}{year_words}"


def _year_words(year: str) -> str:
    if len(year) == 2:
        year = ("20" if year < "70" else "19") + year
    return integer_words(year)


def _iso(match: re.Match[str]) -> str | None:
    words = _date_words(int(match["month"]), int(match["day"]), match["year"])
    if words and match["hour"]:
        words += f", {clock_words(match['hour'], match['minute'], match['second'] or '')}"
        words += f" {spell('UTC')}" if match["zone"] or match["sign"] else ""
        if match["sign"]:
            words += f" {_SIGNS[match['sign']]} {cardinal_words(match['ahead'])}"
            words += f" {cardinal_words(match['by'])}" if match["by"] != "00" else ""
    return words


_SIGNS = {"+": "plus", "-": "minus"}


def _logged(match: re.Match[str]) -> str | None:
    """30/Nov/2026:09:05:00, as web servers write it"""
    words = f"{_full(match['month'])} {ordinal_words(match['day'])}, {integer_words(match['year'])}"
    return f"{words}, {clock_words(match['hour'], match['minute'], match['second'])}"


def _american(match: re.Match[str]) -> str | None:
    """Month first, or day first if the first number is not a month."""
    first, second = int(match["first"]), int(match["second"])
    return _date_words(first, second, match["year"]) or _date_words(second, first, match["year"])


def _european(match: re.Match[str]) -> str | None:
    """Day first, or month first if the second number is not a month."""
    day, month = int(match["day"]), int(match["month"])
    return _date_words(month, day, match["year"]) or _date_words(day, month, match["year"])


def _plain(match: re.Match[str]) -> str | None:
    """2026.11.30, 20261130"""
    return _date_words(int(match["month"]), int(match["day"]), match["year"])


def _slashed_days(match: re.Match[str]) -> str | None:
    """6/3-6/10"""
    first, last = (int(match[1]), int(match[2])), (int(match[3]), int(match[4]))
    fractions = all(over < under for over, under in (first, last))
    if fractions and {first[1], last[1]} <= {2, 3, 4, 5, 6, 8, 16}:
        return None  # 1/4-1/2 cup
    days = [_date_words(month, day, "") for month, day in (first, last)]
    return " to ".join(filter(None, days)) if all(days) else None


def _month_and_day(match: re.Match[str]) -> str | None:
    rest = after(match)
    if re.match(r"[:%]|,[0-9]{3}|\.[0-9]|/", rest):
        return None
    return f"{_full(match['month'])} {ordinal_words(match['day'])}"


_FIRST_DAY = re.compile(rf"\b{_MONTH} {_DAY} ?(?:-|–|to|through) ?$")


def _last_day(match: re.Match[str]) -> str | None:
    """The 16 of "Oct. 14-16"."""
    return ordinal_words(match["day"]) if _FIRST_DAY.search(before(match)) else None


def _day_and_month(match: re.Match[str]) -> str | None:
    """ "3 April 2026". "March" and "May" may be verbs."""
    month, rest = match["month"], after(match)
    ends = re.match(r",? [0-9]{4}|[.,;:)]|$", rest)
    if month in {"March", "May"} and not (match["th"] or match["year"] or ends):
        return None
    article = "" if re.search(r"\bthe $", before(match), re.IGNORECASE) else "the "
    words = f"{article}{ordinal_words(match['day'])} of {_full(month)}"
    if match["year"]:
        words += f", {integer_words(match['year'])}"
        return f"{words}," if re.match(r" [0-9]{1,2}:[0-9]{2}", rest) else words
    return words


_DATE_BEFORE = re.compile(
    r"\b(?:on|by|due|since|until|before|after|from|dated?|(?:mon|tues?|wed|thu|thurs?|fri|sat|sun)"
    r"(?:day|sday|nesday|rsday|urday)?)\.?,?:? $",
    re.IGNORECASE,
)


def _slashed_day(match: re.Match[str]) -> str | None:
    """11/30 after a word such as "on", or if it is not a fraction."""
    if before(match).endswith("p. ") or EQUATED_BEFORE.search(before(match)):
        return None  # a page, a fraction
    if EQUATED_AFTER.match(after(match)):
        return None
    is_fraction = int(match["day"]) < 12 or match["day"] in {"16", "20"}
    is_fraction = is_fraction and not re.match(" ?(?:@|at) ?[0-9]", after(match))
    if is_fraction and not _DATE_BEFORE.search(before(match)):
        return None
    return _date_words(int(match["month"]), int(match["day"]), "")


_MONTH_LEADS = re.compile(
    r"\b(?:in|since|until|by|early|late|mid|from|to|of|last|next|and)[ -]$|[A-Z][a-z]{2}[-/]$"
)
_MONTH_FOLLOWS = re.compile(r",? [0-9]|[-/] ?[A-Z]| ?'[0-9]{2}")


def _month(match: re.Match[str]) -> str | None:
    """An abbreviated month. "Jan", "Mar" and "Jun" may be names."""
    month, rest = match["month"], after(match)
    if month in {"Jan", "Mar", "Jun", "May"}:
        led_to = _MONTH_LEADS.search(before(match)) and not re.match(r" [a-z]+ed\b", rest)
        dotted = match[0].endswith(".")
        if not (led_to or dotted or _MONTH_FOLLOWS.match(rest)):
            return None
    return _MONTH_OF[month]


_DAYS, _MONTHS = "|".join(_WEEKDAY_OF), "|".join(_MONTH_OF)
_DAY_FOLLOWS = re.compile(
    rf"\.?,? ?(?:the )?[0-9]|\.?,? (?:{_MONTHS})|[-/,&] ?(?:{_DAYS})|s\b"
    rf"| (?:and|or|to|through|&|-) (?:{_DAYS})| (?:at|morning|afternoon|evening|night)\b"
)
_DAY_LEADS = re.compile(
    rf"\b(?:{_DAYS})[a-z]{{0,6}}\.?(?:[-/,&] ?| (?:and|or|to|through|&|-) )$"
    r"|\b(?:[oO]n|[eE]very|[uU]ntil|[bB]y|[nN]ext|[lL]ast) $"
)


def _weekday(match: re.Match[str]) -> str | None:
    """ "Sat", "Sun" and "Wed" are weekdays next to a date, a time or another weekday."""
    day, lead = match["day"], before(match)
    if day in {"Sat", "Sun", "Wed"} and not match[0].endswith("."):
        last = day != "Sun" and lead.strip() and re.match(r"[.,;:!?)]|$", after(match))
        beside = last or _DAY_FOLLOWS.match(after(match)) or _DAY_LEADS.search(lead)
        if not beside or lead.endswith("he "):  # the Sun
            return None
    return _WEEKDAY_OF[day]


_ENDS = r"(?![A-Za-z'])(?:\.(?= ?[A-Za-z0-9,;)=&@-]))?"

_SPANNED = rf"(?:{'|'.join((*_WEEKDAY_OF, *_MONTH_OF, *MONTHS))})[a-z]{{0,6}}"
_SPAN_BEFORE = re.compile(
    rf"\b{_SPANNED}\.?(?: [0-9]{{1,2}}(?:st|nd|rd|th)?,?|,? [0-9/]{{3,5}})?(?: [0-9]{{4}})? ?$"
)


def _year_and_month(match: re.Match[str]) -> str:
    """08/2027"""
    return f"{MONTHS[int(match['month']) - 1]} {_year_words(match['year'])}"


def _week(match: re.Match[str]) -> str:
    """2026-W23"""
    words = f"week {cardinal_words(match['week'])}, {integer_words(match['year'])}"
    return f"{words}, day {cardinal_words(match['day'])}" if match["day"] else words


_EXPIRES = re.compile(
    r"\b(?:exp(?:\.|ires?|iry|iration)?(?: date)?|valid (?:thru|through|until|to)|good thru):? $",
    re.IGNORECASE,
)


def _expiry(match: re.Match[str]) -> str | None:
    """09/27 on a card"""
    return _year_and_month(match) if _EXPIRES.search(before(match)) else None


def _span(match: re.Match[str]) -> str | None:
    """The dash of Mon-Fri, Jan-Mar, "29 May 1630 - 6 June 1685"."""
    return "to" if _SPAN_BEFORE.search(before(match)) else None


RULES = (
    rule(rf"--?(?= ?(?:[0-9]{{1,2}} )?{_SPANNED}\b)", _span, SIGN),
    rule(r"(?<![0-9/])(?P<month>0[1-9]|1[0-2])/(?P<year>20[0-9]{2})(?![0-9/])", _year_and_month),
    rule(r"(?<![0-9/])(?P<month>0[1-9]|1[0-2])/(?P<year>[2-4][0-9])(?![0-9/])", _expiry),
    rule(r"(?P<year>20[0-9]{2})-W(?P<week>[0-5][0-9])(?:-(?P<day>[1-7]))?(?![0-9A-Za-z-])", _week),
    rule(
        rf"(?P<year>{_YEAR})[-/](?P<month>[01]?[0-9])[-/](?P<day>{_DAY})(?![0-9-])"
        r"(?:[T ](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
        r"(?::(?P<second>[0-5][0-9])(?:\.[0-9]{1,9}|,[0-9]{3})?)?(?:(?P<zone>Z)|(?P<sign>[+-])(?P<ahead>[01][0-9]):?(?P<by>[0-5][0-9]))?"
        r"(?![0-9A-Za-z]))?",
        _iso,
    ),
    rule(
        rf"(?P<day>{_DAY})/(?P<month>{'|'.join(_MONTH_OF)})/(?P<year>{_YEAR})"
        r":(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9])(?![0-9])",
        _logged,
    ),
    rule(
        r"(?P<first>[0-3]?[0-9])/(?P<second>[0-3]?[0-9])/(?P<year>[12][0-9]{3}|[0-9]{2})"
        r"(?![0-9/])",
        _american,
    ),
    rule(
        r"(?P<first>[01]?[0-9])-(?P<second>[0-3]?[0-9])-(?P<year>[12][0-9]{3})(?![0-9-])",
        _american,
    ),
    rule(
        r"(?P<day>[0-3]?[0-9])\.(?P<month>[0-3]?[0-9])\.(?P<year>[12][0-9]{3})(?![0-9]|\.[0-9])",
        _european,
    ),
    rule(
        r"(?P<year>(?:19|20)[0-9]{2})(?P<dot>\.?)(?P<month>0[1-9]|1[0-2])(?P=dot)"
        r"(?P<day>0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z]|[.,-][0-9])",
        _plain,
    ),
    rule(r"([01]?[0-9])/([0-3]?[0-9])-([01]?[0-9])/([0-3]?[0-9])(?![0-9/])", _slashed_days),
    rule(rf"(?P<month>1[0-2]|0?[1-9])/(?P<day>{_DAY})(?![0-9/])", _slashed_day),
    rule(rf"(?P<day>{_DAY})(?![0-9A-Za-z]|[-.,/:%][0-9])", _last_day),
    rule(
        rf"(?P<month>{_MONTH}) (?P<day>{_DAY})(?:st|nd|rd|th)?(?![0-9A-Za-z])",
        _month_and_day,
        LETTER,
    ),
    rule(
        rf"(?P<month>jan|feb|apr|aug|sept?|oct|nov|dec)\.? (?P<day>{_DAY})(?:st|nd|rd|th)?"
        r"(?![0-9A-Za-z])",
        _month_and_day,
        LETTER,
    ),
    rule(
        r"(?P<day>1[3-9]|2[0-9]|3[01])\.(?P<month>0[1-9]|1[0-2])\.(?P<year>[0-9]{2})(?![0-9]|\.[0-9])",
        _european,
    ),
    rule(
        rf"(?<![0-9:.,/-])(?P<day>{_DAY})(?P<th>st|nd|rd|th)?(?:(?: of)? |-)(?P<month>{_MONTH})"
        rf"(?![A-Za-z])(?:(?:,? |-)(?P<year>{_YEAR})(?![0-9:-]))?",
        _day_and_month,
    ),
    rule(rf"(?P<day>{any_of(' '.join(_WEEKDAY_OF))}){_ENDS}", _weekday, LETTER),
    rule(rf"(?P<month>{any_of(' '.join(_MONTH_OF))}){_ENDS}", _month, LETTER),
)
