"""Coordinates: 40°26'46"N -> "forty degrees, twenty-six minutes, forty-six seconds north"."""

import re

from synthesizer_service.text.english.abbreviation_words import DIRECTIONS
from synthesizer_service.text.english.number_words import quantity_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, after, before, rule

_DECIMAL = r"[0-9]{1,3}(?:\.[0-9]{1,8})?"


def _counted(written: str, unit: str) -> str:
    words = quantity_words(*written.split("."))
    return f"{words} {unit}{'' if words == 'one' else 's'}"


def _position(match: re.Match[str]) -> str | None:
    minutes, seconds, to = match["minutes"], match["seconds"], match["to"]
    led = re.search(r"(?:[NSEW]|north|south|east|west) ?$", before(match))
    if not (to or (minutes and (seconds or led or "." in minutes))):
        return None
    parts = [_counted(match["degrees"], "degree")]
    parts += [_counted(minutes, "minute")] if minutes else []
    parts += [_counted(seconds, "second")] if seconds else []
    more = "," if re.match(r" ?[NSEW]? ?[0-9]", after(match)) else ""
    return ", ".join(parts) + (f" {DIRECTIONS[to]}" if to else "") + more


RULES = (
    rule(
        rf"(?P<degrees>{_DECIMAL}) ?°"
        rf" ?(?:(?P<minutes>[0-9]{{1,2}}(?:\.[0-9]{{1,6}})?)' ?)?"
        r"(?:(?P<seconds>[0-9]{1,2}(?:\.[0-9]{1,4})?)(?:\"|'') ?)?(?P<to>[NSEW](?![A-Za-z0-9]))?",
        _position,
        DIGIT,
    ),
    rule(
        r"(?P<to>[NSEW])(?= ?[0-9]{1,3}(?:\.[0-9]{1,8})? ?°)",
        lambda match: DIRECTIONS[match["to"]],
        LETTER,
    ),
)
