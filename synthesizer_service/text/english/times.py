"""Times of day: 5:30pm, 17:30, 09:05:00, 9am; and time zones after them."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import (
    cardinal_words,
    digit_words,
    two_digit_words,
)
from synthesizer_service.text.english.rules import LETTER, SIGN, before, rule

_ZONES = "UTC|GMT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|CET|CEST|BST|IST|JST|KST|AEST|AEDT|ET|PT"


def clock_words(hour: str, minute: str, second: str = "", *, named: bool = False) -> str:
    """A time in words. named: words after it already mark it as a time, such as "a.m."."""
    if int(hour) in (0, 24) and int(minute) == 0 and not named:
        return "midnight"
    words = cardinal_words(hour)
    if minute != "00":
        words += f" {two_digit_words(minute)}"
    elif not named:
        words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
    if second.strip("0"):
        if minute == "00" and not named:
            words = f"{cardinal_words(hour)} oh oh"
        seconds = cardinal_words(second)
        words += f" and {seconds} second{'' if int(second) == 1 else 's'}"
    return words


def _clock(match: re.Match[str]) -> str:
    half, named = match["half"], match["named"] or ""
    words = clock_words(
        match["hour"], match["minute"], match["second"] or "", named=bool(half or named)
    )
    return words + (f" {half.lower()}.m." if half else named)


def _hour(match: re.Match[str]) -> str:
    return f"{cardinal_words(match['hour'])} {match['half'].lower()}.m."


def _zone(match: re.Match[str]) -> str | None:
    timed = re.search(r"(?:[0-9]|[AaPp]\.?[Mm]\.?) $", before(match))
    return spell(match[0]) if timed else None


def _military(match: re.Match[str]) -> str:
    minute = "hundred" if match["minute"] == "00" else two_digit_words(match["minute"])
    return f"{two_digit_words(match['hour'])} {minute}"


def _duration(match: re.Match[str]) -> str:
    """1h30m, 2m30s"""
    parts = ((match["hours"], "hour"), (match["minutes"], "minute"), (match["seconds"], "second"))
    return " ".join(
        f"{cardinal_words(digits)} {unit}{'' if int(digits) == 1 else 's'}"
        for digits, unit in parts
        if digits
    )


_HALF = r"(?P<half>[AaPp])(?:\.[Mm](?![A-Za-z0-9])\.?|[Mm](?![A-Za-z0-9])\.?)"


def _offset(match: re.Match[str]) -> str | None:
    """+0200 after a time."""
    timed = re.search(r"[0-9]:[0-9]{2} (?:[12][0-9]{3} )?$|[0-9]:[0-9]{2}$", before(match))
    if not timed or (match["colon"] and match["sign"] == "-"):  # 9:30-10:30
        return None
    sign = "plus" if match["sign"] == "+" else "minus"
    minute = f" {cardinal_words(match['minute'])}" if match["minute"] != "00" else ""
    return f"{spell('UTC')} {sign} {cardinal_words(match['hour'])}{minute}"


def _universal(match: re.Match[str]) -> str:
    """UTC-5, GMT+5:30"""
    sign = "plus" if match["sign"] == "+" else "minus"
    minute = match["minute"]
    words = f"{spell(match['zone'])} {sign} {cardinal_words(match['hour'])}"
    return f"{words} {cardinal_words(minute)}" if minute and minute != "00" else words


def _split(match: re.Match[str]) -> str:
    """A runner's 3:59.4"""
    minutes, seconds = cardinal_words(match[1]), two_digit_words(match[2])
    return f"{minutes} {seconds} point {digit_words(match[3])}"


def _zulu(match: re.Match[str]) -> str | None:
    """The Z of 06:30Z"""
    return "zulu" if re.search(r"[0-9]:[0-9]{2}$", before(match)) else None


def _military_zone(match: re.Match[str]) -> str:
    """1430Z, 0730L"""
    return f"{_military(match)} {'zulu' if match['zone'] == 'Z' else 'local'}"


def _half_day(match: re.Match[str]) -> str | None:
    """@ 7p"""
    timed = re.search(r"(?:@|\bat) ?$", before(match))
    return f"{cardinal_words(match[1])} {match[2]}.m." if timed else None


RULES = (
    rule(  # of a screenshot
        r"(?P<hour>1[0-2]|0?[1-9])\.(?P<minute>[0-5][0-9])\.(?P<second>[0-5][0-9])(?P<named>)"
        r" ?(?P<half>[AaPp])[Mm](?![A-Za-z0-9])",
        _clock,
    ),
    rule(r"(1[0-2]|[1-9])([ap])(?![A-Za-z0-9.])", _half_day),
    rule(r"(?<![0-9:/])([0-9]{1,2}):([0-5][0-9])\.([0-9]{1,3})(?![0-9:.])", _split),
    rule(r"(?<=[0-9])Z(?![A-Za-z0-9])", _zulu, LETTER),
    rule(
        r"(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?P<zone>Z|(?<=0[0-9][0-9]{2})L)"
        r"(?![A-Za-z0-9])",
        _military_zone,
    ),
    rule(
        r"(?P<zone>UTC|GMT) ?(?P<sign>[+−-]) ?(?P<hour>1[0-4]|0?[0-9])(?::?(?P<minute>[0-5][0-9]))?"
        r"(?![0-9A-Za-z:])",
        _universal,
        LETTER,
    ),
    rule(
        r"(?P<sign>[+-])(?P<hour>[01][0-9])(?P<colon>:?)(?P<minute>[0-5][0-9])(?![0-9:])",
        _offset,
        SIGN,
    ),
    rule(
        r"(?:(?P<hours>[0-9]{1,3})h ?)?(?P<minutes>[0-9]{1,3})m(?:in)?"
        r"(?: ?(?P<seconds>[0-9]{1,2})s)?(?![A-Za-z0-9])"
        r"(?:(?<=s)|(?<=h[0-9]m)|(?<=h[0-9]{2}m)|(?<=h [0-9]m)|(?<=h [0-9]{2}m))",
        _duration,
    ),
    rule(r"(?P<hours>[0-9]{1,2})h(?P<minutes>[0-5][0-9])(?P<seconds>)(?![0-9A-Za-z])", _duration),
    rule(r"(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?= (?:hours|hrs)\b)", _military),
    rule(
        rf"(?P<hour>1[0-2]|0?[1-9])\.(?P<minute>[0-5][0-9])(?P<second>)(?P<named>) ?{_HALF}", _clock
    ),
    rule(  # 9:35a
        r"(?P<hour>1[0-2]|0?[1-9]):(?P<minute>[0-5][0-9])(?P<second>)(?P<named>)(?P<half>[ap])"
        r"\.?(?![A-Za-z0-9])",
        _clock,
    ),
    rule(
        r"(?<![0-9:/])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])"
        r"(?::(?P<second>[0-5][0-9])(?:\.[0-9]{1,6}|,[0-9]{3})?)?(?![0-9:/]|,[0-9]{3})"
        rf"(?: ?{_HALF}|(?P<named> o'clock| noon| midnight)| ?h(?![A-Za-z]))?",
        _clock,
    ),
    rule(rf"(?<![0-9:.,])(?P<hour>1[0-2]|0?[1-9]) ?{_HALF}", _hour),
    rule(rf"(?:{_ZONES})(?![A-Za-z0-9])", _zone, LETTER),
    rule(r"[aApP]\.[mM]\.", lambda match: match[0], LETTER),
)
