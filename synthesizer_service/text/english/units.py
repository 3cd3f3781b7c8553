"""Units after a number: "5 μg" -> "five micrograms", "-5°C" -> "minus five degrees celsius"."""

import re

from synthesizer_service.text.english.maths import fraction_words
from synthesizer_service.text.english.number_words import cardinal_words, ordinal_words
from synthesizer_service.text.english.numbers import (
    NUMBER,
    PLURAL_BEFORE,
    plain_words,
    quantity,
)
from synthesizer_service.text.english.rules import (
    DIGIT,
    LETTER,
    SIGN,
    after,
    any_of,
    before,
    is_attributive,
    listed,
    rule,
)
from synthesizer_service.text.english.unit_names import (
    LONE,
    LONE_AFTER_IN,
    LONE_NUMERATORS,
    LONG_PER,
    PER,
    RAISED,
    UNITS,
)

_LENGTHS = frozenset(listed("m km cm mm dm nm µm in ft yd mi"))
_POWERS = {"2": "square", "3": "cubic"}
_MAX_BASIS_POINTS = 300  # larger amounts of "bps" are bits per second

_PLACE_BEFORE = re.compile(
    r"\b(?:Apt|Apartment|Room|Rm|Unit|Gate|Seat|Suite|No|Section|Part|Floor|Row|Bus|Platform|Exhibit|"
    r"Figure|Fig|Table|Building|Level|Phase|Type|number|Area|Zone|Line|Route|Rte?|Hwy|Highway|Bay|Terminal|Flat|"
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
    r" (?!(?:wide|tall|long|deep|high|thick|in|of|from|and|or|by|x|each|apart|across)\b)[a-z]"
    r"| [0-9]?[A-Z]"
)


def _measured(match: re.Match[str]) -> str | None:
    unit, power, joint = match["unit"], match["power"], match["joint"]
    if (power and unit not in _LENGTHS) or not _is_meant(match):
        return None
    count = int(quantity(match["amount"] or "0").whole or 0)
    if unit == "bps" and count < _MAX_BASIS_POINTS:
        unit = "bp"
    elif unit == "bp" and count >= _MAX_BASIS_POINTS:
        return f"{plain_words(match['amount'])} base pairs"
    counted = _counted(match)
    if counted is None:
        return None
    amount, singular = counted
    singular = singular or (unit in {"y/o", "yo"} and bool(_AGED_BEFORE.search(before(match))))
    singular = singular or bool(_CONTAINER.match(after(match))) or is_attributive(match)
    if unit == "pt" and (not joint or re.match(r" (?:font|type|text|bold)\b", after(match))):
        return f"{amount} point{'' if _TYPE_AFTER.match(after(match)) or singular else 's'}"
    if unit == "t" and (match["fraction"] or _FOODS.match(after(match))):
        unit = "tsp"
    name = UNITS[unit][0 if singular or joint == "-" else 1]
    if power:
        name = f"{_POWERS[power]} {name}"
    for per in filter(None, (match["per"], match["then_per"])):
        name += f" per {_denominator(per)}"
    return f"{amount}{'-' if joint == '-' else ' '}{name}"


_TYPE_AFTER = re.compile(r" (?:font|type|text|bold|[A-Z][a-z])")
_AGED_BEFORE = re.compile(r"\b(?:[Aa]n?|[Tt]his|[Tt]he|[Oo]ur) $")
_CONTAINER = re.compile(  # 1 (14 oz) can, 400g tins
    r"\) can\b|\)? (?:cans|can(?= of\b|[,.;)]|$| [a-z]{3,12}ed\b)|package|pkg|jars?|tins?|bags?|"
    r"box|boxes|bottles?|block|tubs?|container|packets?|cartons?|sticks?|loaf|lens|lenses|resistor|"
    r"capacitor|bulb|engine|motor|battery|charger|adapter|monitor|screen|display|camera|sensor|"
    r"laptop|SSD|drive|card|race|run|walk|hike|ride|radius|limit|timer|fence|pole|board|pipe|hose|"
    r"rope|ladder|tank|wide-angle|telephoto)\b"
)


def _denominator(written: str) -> str:
    """ "kg" -> "kilogram", "m3" -> "cubic meter", "(m^2·K)" -> "square meter kelvin"."""
    return " ".join(map(_factor, re.split("[·*]", written.strip("()"))))


def _factor(written: str) -> str:
    unit = written.rstrip("23").rstrip("^")
    power = written[len(unit) :].lstrip("^")
    if not power:
        return PER[unit]
    return f"{PER[unit]} {_SQUARED[power]}" if unit == "s" else f"{_POWERS[power]} {PER[unit]}"


_SQUARED = {"2": "squared", "3": "cubed"}


def _lone(match: re.Match[str]) -> str | None:
    """A unit without a number: kWh/m^2, "weight in kg", "a mL"."""
    unit, power, per, lead = match["unit"], match["power"], match["per"], before(match)
    written = f"{unit}^{power}" if power else unit
    if len(unit) == 1 and re.match(r"\. ?[A-Z]", after(match)):
        return None  # in J. Smith's view
    led = re.search(r"\b(?:[Ii]n|[Pp]er) $|\($", lead)
    if per:
        is_unit = written in LONE_NUMERATORS and (unit, per) not in _NO_RATES
    else:
        is_unit = written in LONE or (written in LONE_AFTER_IN and bool(led) and lead[-1:] != "(")
    if not is_unit:
        return None
    singular = re.search(r"\b(?:[Pp]er|[Aa]n?|[Ee]ach|[Oo]ne|[Ee]very) $", lead)
    name = UNITS[unit][0 if singular else 1]
    if power:
        name = f"{_POWERS[power]} {name}"
    for denominator in filter(None, (per, match["then_per"])):
        name += f" per {_denominator(denominator)}"
    return name


_NO_RATES = frozenset({("W", "L"), ("m", "f"), ("g", "m"), ("L", "l")})


def _sex(match: re.Match[str]) -> str | None:
    """45 y/o M"""
    aged = re.search(r"[0-9][ -]?y/?o $", before(match))
    return {"M": "male", "F": "female"}[match[0]] if aged else None


def _product(match: re.Match[str]) -> str:
    """N·m"""
    return f"{UNITS[match['one']][0]} {UNITS[match['other']][1]}"


def _scale(match: re.Match[str]) -> str:
    return {"C": "celsius", "F": "fahrenheit"}[match[0]]


_MASSES = listed("g kg mg lb lbs oz")
_VOLUMES = listed("ml mL l L cl dl tsp tbsp oz cup cups pt pint")
_LENGTHS_BEFORE = listed("m cm mm km ft in mi yd \" '")
_LENGTHS_AFTER = listed("m cm mm km ft in inch inches mi yd miles feet")
_ALTERNATIVES = (
    (_MASSES, _MASSES),
    (_VOLUMES, _VOLUMES),
    (_LENGTHS_BEFORE, _LENGTHS_AFTER),
    (listed("°C °F C F"), listed("°C °F C F ° °c °f")),
    (listed("mph km/h kph"), listed("mph km/h kph")),
)
_UNIT_BEFORE = re.compile(r"[0-9] ?(?P<unit>km/h|[°µ]?[A-Za-z]{1,4}|\"|')$")
_UNIT_AFTER = re.compile(r"[0-9½]{1,5}(?:[.,/][0-9]{1,3})?[ -]?(?P<unit>km/h|°?[A-Za-z]{0,6})")


def _alternative(match: re.Match[str]) -> str | None:
    """The slash of 500g/1lb and 350°F/180°C."""
    one = _UNIT_BEFORE.search(before(match).removesuffix(" "))
    other = _UNIT_AFTER.match(after(match).removeprefix(" "))
    if not (one and other):
        return None
    units = one["unit"], other["unit"]
    alike = any(units[0] in left and units[1] in right for left, right in _ALTERNATIVES)
    return "or" if alike else None


def _counted(match: re.Match[str]) -> tuple[str, bool] | None:
    """The amount in words, and True if its unit is singular."""
    if match["amount"]:
        return plain_words(match["amount"]), quantity(match["amount"]).is_one
    words = fraction_words(match["whole"], *match["fraction"].split("/"))
    return (words, not match["whole"]) if words else None


def _is_meant(match: re.Match[str]) -> bool:
    """False where a unit's letters mean something else in this context."""
    unit, joint, rest = match["unit"], match["joint"], after(match)
    if len(unit) == 1 and unit.isupper() and joint != " " and _PLACE_BEFORE.search(before(match)):
        return False  # seat 12A
    if len(unit) == 1 and unit.isupper() and re.match("-[A-Z]", rest):
        return False  # 12-3 W-L
    if unit == "W" and re.match(r"\.? [0-9]{1,3}(?:st|nd|rd|th)\b", rest):
        return False  # 350 W 42nd St
    if len(unit) == 1 and unit.isupper() and re.match(r"\. [A-Z][a-z]", rest):
        return False  # (c) 2023 J. Doe
    if unit in {"M", "B"}:
        numbered = _PLACE_BEFORE.search(before(match)) or re.match(r" [A-Z][a-z]", rest)
        return not joint and not numbered
    if unit in {"K", "N"}:
        placed = _PLACE_BEFORE.search(before(match))
        return joint == " " and not placed and bool(re.match(r"[,;)]|\.?$", rest))
    if unit in {"C", "F"}:
        return not joint and _is_temperature(match)
    if unit == "T":
        return joint == " " and bool(_FOODS.match(rest))
    if unit == "y":
        return not (joint or _EQUATION_BEFORE.search(before(match)) or _EQUATION_AFTER.match(rest))
    if unit == "c":
        return joint == " " and _FOODS.match(rest) is not None
    if unit == "U":
        return bool(match["per"]) or rest.startswith(" of ")
    if unit == "s" and not joint and PLURAL_BEFORE.search(before(match)):
        return False
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


_EQUATION_BEFORE = re.compile(r"[=+*/^(−-] ?$")
_EQUATION_AFTER = re.compile(r" ?[=+*/^)−-]")
_FOODS = re.compile(
    r"(?: [a-z-]{3,12}){0,2} (?:salt|sugar|butter|oil|vanilla|pepper|baking|cinnamon|flour|milk|"
    r"water|honey|lemon|juice|soy|vinegar|garlic|ginger|paprika|cumin|yeast|nutmeg|cream|rice|oats|broth|"
    r"stock|chil[ie]|cayenne|powder|turmeric|coriander|mustard|ketchup|mayo|seeds|tahini|paste|sauce|"
    r"wine|molasses|jam|herbs|dill|mint|rosemary|sage|cilantro|chives|zest|gelatin|yogurt|cheese|syrup|cocoa|chips|onions?|parsley|basil|oregano|thyme|cornstarch|soda|nuts|raisins|coffee|tea)\b"
)


def _is_temperature(match: re.Match[str]) -> bool:
    """350F, -10C; not seat 12C, nor "(24F)" of a person."""
    lead, rest = before(match), after(match)
    person = lead.endswith("(") and rest.startswith(")")
    placed = re.search(r"\b(?:seat|row|gate|apt|room|exit|unit|flat)s?\.? $", lead, re.IGNORECASE)
    return len(match["amount"] or "") in {2, 3} and not person and not placed


_GOAL_BEFORE = re.compile(r"[0-9] ?[-–] ?[0-9][^()]{0,60}\([^()]{0,80}(?:[a-z] |[0-9]', )$")
_GOAL_AFTER = re.compile(r"[,;)]| \((?:pen|og|o\.g\.|P)\.?\)")


def _feet(match: re.Match[str]) -> str | None:
    """6' tall, unless it closes a quotation."""
    lead = match.string[max(0, match.start() - 200) : match.start()]
    if lead.endswith("+") or (_GOAL_BEFORE.search(lead) and _GOAL_AFTER.match(after(match))):
        return f"{cardinal_words(match['feet'])} minutes"
    quotes = re.sub("[A-Za-z]'[A-Za-z]|[0-9]'(?= ?[x×0-9])", "", lead).count("'")
    if quotes % 2:
        return None
    rest = after(match)
    crossed = re.match(r" ?[x×] ?[0-9]{1,3}'(?P<rest>.*)", rest)  # 2'x4' panels
    adjective = _ADJECTIVE.match(crossed["rest"] if crossed else rest)
    return f"{cardinal_words(match['feet'])} {'foot' if adjective else 'feet'}"


def _inches(match: re.Match[str]) -> str | None:
    """12" wide, unless it closes a quotation."""
    lead, rest = match.string[max(0, match.start() - 200) : match.start()], after(match)
    if re.sub('[0-9]"', "", lead).count('"') % 2:
        return None
    counted = _counted(match)
    if counted is None:
        return None
    amount, singular = counted
    crossed = re.match(r" ?[x×] ?[0-9]{1,3}\"(?P<rest>.*)", rest)  # 8"x8" pan
    adjective = _ADJECTIVE.match(crossed["rest"] if crossed else rest)
    return f"{amount} {'inch' if singular or adjective else 'inches'}"


_RAISED_BEFORE = re.compile(r"\^[-−]?[0-9]{1,3} ?$|[0-9][eE][-−+]?[0-9]{1,3} $")
_MEASURED_BEFORE = re.compile(
    r"[0-9] ?(?:[µmkM]?[gLlm]|mcg|mL|mL/min|kcal|kJ|cal|units?|[Tt]bsp|tsp|cups?)\.? ?$"
)


def _after_power(match: re.Match[str]) -> str | None:
    """The unit of 4.2×10^-3 mol/L."""
    if not _RAISED_BEFORE.search(before(match)):
        return None
    name = {"C": "coulombs", "M": "molar"}.get(match["unit"]) or UNITS[match["unit"]][1]
    return f"{name} per {_denominator(match['per'])}" if match["per"] else name


def _per_amount(match: re.Match[str]) -> str | None:
    """The slash of 125 mg/5 mL."""
    return "per" if _MEASURED_BEFORE.search(before(match)) else None


def _per_unit(match: re.Match[str]) -> str:
    """5,783/sq mi"""
    return f"{plain_words(match['amount'])} per {_denominator(match['per'])}"


_AMOUNT = (
    rf"(?:(?P<amount>{NUMBER})(?![0-9]|[.,/][0-9])"
    r"|(?:(?P<whole>[0-9]{1,4})[ -])?(?P<fraction>[0-9]{1,2}/[0-9]{1,2}))"
)
_NEXT_MEASURE = (
    r" ?[0-9][0-9/ .]{0,4} ?(?:oz|in|min|sec|mm|cm|m|ml|g|pt|c|mins|secs?|hrs?|days|weeks|months)\b"
)
"""A smaller unit after a larger one: 2 lb. 4 oz."""
_RAISED = rf"(?:{any_of(' '.join(RAISED))})\^?[23](?![0-9])"
_FACTOR = rf"(?:{_RAISED}|{'|'.join(map(re.escape, sorted(PER, key=len, reverse=True)))})"
_PER = rf"{_FACTOR}|\({_FACTOR}(?:[·*]{_FACTOR}){{0,2}}\)"
_UNIT = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))

RULES = (
    rule(  # a shutter's 1/250s
        r"1/([0-9]{2,4}) ?s(?:ec)?(?![A-Za-z])",
        lambda match: f"one {ordinal_words(match[1])} of a second",
    ),
    rule(
        rf"(?P<amount>{NUMBER})/(?P<per>{'|'.join(LONG_PER)})(?![A-Za-z0-9])",
        _per_unit,
    ),
    rule(
        rf"(?<=[0-9 ])(?P<unit>{_UNIT})(?:/(?P<per>{_PER}))?(?![A-Za-z0-9/^])", _after_power, LETTER
    ),
    rule(  # 11.2 x10^9/L, 18/min
        rf"(?:(?<=\^[0-9])|(?<=\^[0-9]{{2}}))/(?P<per>{_PER})(?![A-Za-z0-9])",
        lambda match: f"per {_denominator(match['per'])}",
        SIGN,
    ),
    rule(
        rf"(?P<amount>{NUMBER})/(?P<per>min|hr|sec)(?![A-Za-z0-9])",
        _per_unit,
    ),
    rule(r"/(?= ?[0-9½])", _alternative, SIGN),
    rule(r"(?<=°[CF])/(?=gas\b)", "or", SIGN),
    rule(r"/(?= ?[0-9]{1,4}(?:\.[0-9]{1,2})? ?[A-Za-z])", _per_amount, SIGN),
    rule(r"[MF](?![A-Za-z0-9])", _sex, LETTER),
    rule(r"(?<=degrees )[CF](?![A-Za-z0-9])", _scale, LETTER),
    rule(
        rf"(?P<amount>{NUMBER})[ -]?T(?= (?:MRI|magnet|field|scanner|magnetic))",
        lambda match: f"{plain_words(match['amount'])} tesla",
    ),
    rule(
        r"(?<![A-Za-z0-9])(?P<one>N|kN|A|mA|V|W|kW)[·⋅*](?P<other>m|h|s|V)(?![A-Za-z0-9])",
        _product,
        LETTER,
    ),
    rule(
        rf"(?<![A-Za-z0-9.-])(?P<unit>{_UNIT})(?:\^?(?P<power>[23])(?![0-9]))?"
        rf"(?:/(?P<per>{_PER})(?:/(?P<then_per>{_PER}))?)?(?![A-Za-z0-9/^'])",
        _lone,
        LETTER,
        SIGN,
    ),
    rule(
        rf"{_AMOUNT}(?P<joint>[ -]?)(?P<unit>{_UNIT})(?:\^?(?P<power>[23])(?![0-9]))?"
        rf"(?:\.(?= ?[a-z(,;)@&+/=-]| [NSEW][EW]?\.? |{_NEXT_MEASURE}))?"
        rf"(?: ?/ ?(?P<per>{_PER})(?:/(?P<then_per>{_PER}))?)?"
        r"(?![A-Za-z0-9]|/[A-Za-z])",
        _measured,
        DIGIT,
        SIGN,
    ),
    rule(
        r"(?P<feet>[1-9])' ?(?P<inches>[0-9]{1,2}(?:\.[0-9])?)(?:\"|''|(?![0-9]))",
        lambda match: f"{cardinal_words(match['feet'])} foot {plain_words(match['inches'])}",
    ),
    rule(r"(?P<feet>[0-9]{1,4})'(?=[ ,.;)x×]|$)", _feet),
    rule(rf'{_AMOUNT}"', _inches),
)
