"""Units after a number: "5 μg" -> "five micrograms", "-5°C" -> "minus five degrees celsius"."""

import re

from synthesizer_service.text.english.maths import fraction_words
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.numbers import NUMBER, plain_words, quantity
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, after, before, listed, rule
from synthesizer_service.text.english.unit_names import LONG_PER, PER, UNITS

_LENGTHS = frozenset(listed("m km cm mm dm nm µm in ft yd mi"))
_POWERS = {"2": "square", "3": "cubic"}
_MAX_BASIS_POINTS = 300  # larger amounts of "bps" are bits per second

_PLACE_BEFORE = re.compile(
    r"\b(?:Apt|Apartment|Room|Unit|Gate|Seat|Suite|No|Section|Part|Floor|Row|Bus|Platform|Exhibit|"
    r"Figure|Fig|Table|Building|Level|Phase|Type|number|Area|Zone|Line|Route|Bay|Terminal|Flat|"
    r"Block|Stand|Pier|Hall|Entrance|Exit|Form|Class|Grade|Ward|Deck|Coach|Car|Plan|Schedule|Lot|"
    r"Question|Appendix|Annex|Stage|Group|Court)s?\.? #?$",
    re.IGNORECASE,
)
_INCHES_MEANT = re.compile(
    r"\.(?= ?[a-z(;,)])|[,;]| ?[x×]|\)|[ .]*$"
    r"| (?:wide|tall|long|deep|thick|high|by|of rain|of snow)\b"
)
_AMPS_MEANT = re.compile(r"[,;)]|\.(?! ?[A-Z])| (?:fuse|current|circuit|breaker|charger|at)\b|$")
_ADJECTIVE = re.compile(
    r" (?!(?:wide|tall|long|deep|high|thick|in|of|from|and|or|by|x)\b)[a-z]| [0-9]?[A-Z]"
)


def _measured(match: re.Match[str]) -> str | None:
    unit, power, joint = match["unit"], match["power"], match["joint"]
    if (power and unit not in _LENGTHS) or not _is_meant(match):
        return None
    if unit == "bps" and match["amount"].isdecimal() and int(match["amount"]) < _MAX_BASIS_POINTS:
        unit = "bp"
    counted = _counted(match)
    if counted is None:
        return None
    amount, singular = counted
    name = UNITS[unit][0 if singular or joint == "-" else 1]
    if power:
        name = f"{_POWERS[power]} {name}"
    for per in filter(None, (match["per"], match["then_per"])):
        name += f" per {PER[per]}"
    return f"{amount}{'-' if joint == '-' else ' '}{name}"


def _counted(match: re.Match[str]) -> tuple[str, bool] | None:
    """The amount in words, and True if its unit is singular."""
    if match["amount"]:
        return plain_words(match["amount"]), quantity(match["amount"]).is_one
    words = fraction_words(match["whole"], *match["fraction"].split("/"))
    return (words, not match["whole"]) if words else None


def _is_meant(match: re.Match[str]) -> bool:
    """False where a unit's letters mean something else in this context."""
    unit, joint, rest = match["unit"], match["joint"], after(match)
    if len(unit) == 1 and unit.isupper() and not joint and _PLACE_BEFORE.search(before(match)):
        return False  # seat 12A
    if unit == "W" and re.match(r" [0-9]{1,3}(?:st|nd|rd|th)\b", rest):
        return False  # 350 W 42nd St
    if unit in {"M", "B"}:
        numbered = _PLACE_BEFORE.search(before(match)) or re.match(r" [A-Z][a-z]", rest)
        return not joint and not numbered
    if unit in {"K", "N"}:
        return joint == " " and bool(re.match(r"[,;)]|\.?$", rest))
    if unit == "U":
        return bool(match["per"]) or rest.startswith(" of ")
    if unit == "s" and not joint and re.search(r"\b(?:[Uu]nder|[Oo]ver)[- ]$", before(match)):
        return False  # free for under-5s
    if unit == "ac":
        return bool(joint)
    if unit == "d":
        return not joint
    if unit == "in" and joint == " ":
        return bool(match["power"] or _INCHES_MEANT.match(rest))
    if unit == "in" and joint == "-":
        return not re.match(r"-[0-9]", rest)  # 1-in-50
    if unit == "A" and joint == " ":
        return _AMPS_MEANT.match(rest) is not None
    return True


def _feet(match: re.Match[str]) -> str | None:
    """6' tall, unless it closes a quotation."""
    lead = match.string[max(0, match.start() - 200) : match.start()]
    quotes = re.sub("[A-Za-z]'[A-Za-z]|[0-9]'(?= ?[x×0-9])", "", lead).count("'")
    return None if quotes % 2 else f"{cardinal_words(match['feet'])} feet"


def _inches(match: re.Match[str]) -> str | None:
    """12" wide, unless it closes a quotation."""
    lead, rest = match.string[max(0, match.start() - 200) : match.start()], after(match)
    if re.sub('[0-9]"', "", lead).count('"') % 2:
        return None
    counted = _counted(match)
    if counted is None:
        return None
    amount, singular = counted
    return f"{amount} {'inch' if singular or _ADJECTIVE.match(rest) else 'inches'}"


_RAISED_BEFORE = re.compile(r"\^[-−]?[0-9]{1,3} ?$|[0-9][eE][-−+]?[0-9]{1,3} $")
_MEASURED_BEFORE = re.compile(r"[0-9] ?(?:[µmkM]?[gLlm]|mcg|mL|units?|[Tt]bsp|tsp|cups?)\.? ?$")


def _after_power(match: re.Match[str]) -> str | None:
    """The unit of 4.2×10^-3 mol/L."""
    if not _RAISED_BEFORE.search(before(match)):
        return None
    name = UNITS[match["unit"]][1]
    return f"{name} per {PER[match['per']]}" if match["per"] else name


def _per_amount(match: re.Match[str]) -> str | None:
    """The slash of 125 mg/5 mL."""
    return "per" if _MEASURED_BEFORE.search(before(match)) else None


def _per_unit(match: re.Match[str]) -> str:
    """5,783/sq mi"""
    return f"{plain_words(match['amount'])} per {PER[match['per']]}"


_AMOUNT = (
    rf"(?:(?P<amount>{NUMBER})(?![0-9]|[.,/][0-9])"
    r"|(?:(?P<whole>[0-9]{1,4})[ -])?(?P<fraction>[0-9]{1,2}/[0-9]{1,2}))"
)
_PER = "|".join(map(re.escape, sorted(PER, key=len, reverse=True)))
_UNIT = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))

RULES = (
    rule(
        rf"(?P<amount>{NUMBER})/(?P<per>{'|'.join(LONG_PER)})(?![A-Za-z0-9])",
        _per_unit,
    ),
    rule(
        rf"(?<=[0-9 ])(?P<unit>{_UNIT})(?:/(?P<per>{_PER}))?(?![A-Za-z0-9/^])", _after_power, LETTER
    ),
    rule(r"/(?=[0-9]{1,4}(?:\.[0-9]{1,2})? ?[A-Za-z])", _per_amount, SIGN),
    rule(
        rf"{_AMOUNT}(?P<joint>[ -]?)(?P<unit>{_UNIT})(?:\^?(?P<power>[23])(?![0-9]))?"
        rf"(?:\.(?= ?[a-z(,;)]))?(?: ?/ ?(?P<per>{_PER})(?:/(?P<then_per>{_PER}))?)?"
        r"(?![A-Za-z0-9]|/[A-Za-z])",
        _measured,
        DIGIT,
        SIGN,
    ),
    rule(
        r"(?P<feet>[1-9])' ?(?P<inches>[0-9]{1,2}(?:\.[0-9])?)(?:\"|''|(?![0-9]))",
        lambda match: f"{cardinal_words(match['feet'])} foot {plain_words(match['inches'])}",
    ),
    rule(r"(?P<feet>[0-9]{1,4})'(?=[ ,.;)]|$)", _feet),
    rule(rf'{_AMOUNT}"', _inches),
)
