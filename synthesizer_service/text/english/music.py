"""Chords: "F#m7" -> "eff sharp minor seven"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import LETTER, rule

_QUALITIES = {
    "": "",
    "m": "minor",
    "min": "minor",
    "maj": "major",
    "dim": "diminished",
    "aug": "augmented",
    "sus": "suspended",
    "add": "add",
}
_ACCIDENTALS = {"#": "sharp", "b": "flat", "": ""}


def _chord(match: re.Match[str]) -> str:
    number = match["number"]
    parts = (
        spell(match["root"]),
        _ACCIDENTALS[match["accidental"]],
        _QUALITIES[match["quality"]],
        cardinal_words(number) if number else "",
    )
    return " ".join(filter(None, parts))


_NUMBER = "(?P<number>(?:2|4|5|6|7|9|11|13)?)(?![A-Za-z0-9#])"

RULES = (
    rule(
        rf"(?<![A-Za-z0-9#])(?P<root>[A-G])(?P<accidental>[#b])(?P<quality>m|min|maj|dim|aug|sus){_NUMBER}",
        _chord,
        LETTER,
    ),
    rule(
        rf"(?<![A-Za-z0-9])(?P<root>[A-G])(?P<accidental>)(?P<quality>maj|dim|sus|add|m(?=[79]|11|13)){_NUMBER}",
        _chord,
        LETTER,
    ),
    rule(
        r"(?<![A-Za-z0-9])(?P<root>[A-G])(?P<accidental>#)(?P<quality>)" + _NUMBER, _chord, LETTER
    ),
)
