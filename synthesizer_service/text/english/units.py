"""Units after a number: "5 μg" -> "five micrograms", "-5°C" -> "minus five degrees celsius"."""

import re

from synthesizer_service.text.english.maths import fraction_words
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.numbers import NUMBER, plain_words, quantity
from synthesizer_service.text.english.rules import DIGIT, SIGN, after, any_of, before, rule

_PREFIXES = {
    "k": "kilo",
    "M": "mega",
    "G": "giga",
    "T": "tera",
    "m": "milli",
    "µ": "micro",
    "u": "micro",
    "n": "nano",
    "c": "centi",
    "d": "deci",
    "h": "hecto",
    "p": "pico",
}
# Unit, its name, its plural, and the prefixes that are used with it.
_METRIC = (
    ("m", "meter", "meters", "kcdmµun"),
    ("g", "gram", "grams", "kmµun"),
    ("L", "liter", "liters", "mcdµu"),
    ("l", "liter", "liters", "mcdµu"),
    ("s", "second", "seconds", "mµun"),
    ("W", "watt", "watts", "mkMGT"),
    ("Wh", "watt hour", "watt hours", "kMGT"),
    ("V", "volt", "volts", "mkµ"),
    ("A", "amp", "amps", "mµk"),
    ("Ah", "amp hour", "amp hours", "m"),
    ("Ω", "ohm", "ohms", "kM"),
    ("F", "farad", "farads", "µunp"),
    ("Hz", "hertz", "hertz", "kMGT"),
    ("hz", "hertz", "hertz", "k"),
    ("J", "joule", "joules", "kM"),
    ("cal", "calorie", "calories", "k"),
    ("Pa", "pascal", "pascals", "hkM"),
    ("N", "newton", "newtons", "k"),
    ("B", "byte", "bytes", "kMGT"),
    ("bps", "bit per second", "bits per second", "kKMG"),
    ("bit", "bit", "bits", "kMG"),
    ("b", "bit", "bits", "MG"),
    ("mol", "mole", "moles", "mµun"),
    ("Sv", "sievert", "sieverts", "mµ"),
    ("eV", "electron volt", "electron volts", "kMG"),
)
_ALONE = frozenset("B b bit F N".split())  # units that stand only with a prefix

_UNITS: dict[str, tuple[str, str]] = {
    prefix + unit: ((_PREFIXES[prefix.lower() if prefix == "K" else prefix] + one), _PREFIXES[prefix.lower() if prefix == "K" else prefix] + many)
    for unit, one, many, prefixes in _METRIC
    for prefix in prefixes
} | {unit: (one, many) for unit, one, many, _ in _METRIC if unit not in _ALONE}

_UNITS |= {
    "kHz": ("kilohertz", "kilohertz"),
    "KB": ("kilobyte", "kilobytes"),
    "Kb": ("kilobit", "kilobits"),
    "kb": ("kilobyte", "kilobytes"),
    "mb": ("megabyte", "megabytes"),
    "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"),
    "PB": ("petabyte", "petabytes"),
    "KiB": ("kibibyte", "kibibytes"),
    "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"),
    "TiB": ("tebibyte", "tebibytes"),
    "mbps": ("megabit per second", "megabits per second"),
    "gbps": ("gigabit per second", "gigabits per second"),
    "khz": ("kilohertz", "kilohertz"),
    "mhz": ("megahertz", "megahertz"),
    "ghz": ("gigahertz", "gigahertz"),
    "KM": ("kilometer", "kilometers"),
    "KG": ("kilogram", "kilograms"),
    "kgs": ("kilogram", "kilograms"),
    "kms": ("kilometer", "kilometers"),
    "ML": ("milliliter", "milliliters"),
    "MG": ("milligram", "milligrams"),
    "mcg": ("microgram", "micrograms"),
    "mm": ("millimeter", "millimeters"),
    "mi": ("mile", "miles"),
    "yd": ("yard", "yards"),
    "yds": ("yard", "yards"),
    "ft": ("foot", "feet"),
    "FT": ("foot", "feet"),
    "in": ("inch", "inches"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "LB": ("pound", "pounds"),
    "LBS": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "OZ": ("ounce", "ounces"),
    "fl oz": ("fluid ounce", "fluid ounces"),
    "fl. oz": ("fluid ounce", "fluid ounces"),
    "gal": ("gallon", "gallons"),
    "qt": ("quart", "quarts"),
    "qts": ("quart", "quarts"),
    "pt": ("pint", "pints"),
    "pts": ("points", "points"),
    "tsp": ("teaspoon", "teaspoons"),
    "tsps": ("teaspoon", "teaspoons"),
    "Tsp": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tbsps": ("tablespoon", "tablespoons"),
    "Tbsp": ("tablespoon", "tablespoons"),
    "tbs": ("tablespoon", "tablespoons"),
    "T.": ("tablespoon", "tablespoons"),
    "c.": ("cup", "cups"),
    "pkg": ("package", "packages"),
    "doz": ("dozen", "dozen"),
    "cc": ("cubic centimeter", "cubic centimeters"),
    "ha": ("hectare", "hectares"),
    "ac": ("acre", "acres"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"),
    "sqft": ("square foot", "square feet"),
    "sq m": ("square meter", "square meters"),
    "sq mi": ("square mile", "square miles"),
    "sq. mi": ("square mile", "square miles"),
    "sq km": ("square kilometer", "square kilometers"),
    "cu ft": ("cubic foot", "cubic feet"),
    "cu. ft": ("cubic foot", "cubic feet"),
    "t": ("ton", "tons"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "msec": ("millisecond", "milliseconds"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "d": ("day", "days"),
    "wk": ("week", "weeks"),
    "wks": ("week", "weeks"),
    "mo": ("month", "months"),
    "mos": ("month", "months"),
    "yr": ("year", "years"),
    "yrs": ("year", "years"),
    "y/o": ("year old", "years old"),
    "yo": ("year old", "years old"),
    "mph": ("mile per hour", "miles per hour"),
    "MPH": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "MPG": ("mile per gallon", "miles per gallon"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "RPM": ("revolution per minute", "revolutions per minute"),
    "bpm": ("beat per minute", "beats per minute"),
    "BPM": ("beat per minute", "beats per minute"),
    "fps": ("frame per second", "frames per second"),
    "wpm": ("word per minute", "words per minute"),
    "kn": ("knot", "knots"),
    "kt": ("knot", "knots"),
    "kts": ("knot", "knots"),
    "psi": ("pound per square inch", "pounds per square inch"),
    "PSI": ("pound per square inch", "pounds per square inch"),
    "hp": ("horsepower", "horsepower"),
    "HP": ("horsepower", "horsepower"),
    "bhp": ("brake horsepower", "brake horsepower"),
    "Nm": ("newton meter", "newton meters"),
    "lm": ("lumen", "lumens"),
    "dB": ("decibel", "decibels"),
    "db": ("decibel", "decibels"),
    "dBm": ("dee bee em", "dee bee em"),
    "dBFS": ("dee bee full scale", "dee bee full scale"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "bar": ("bar", "bars"),
    "mbar": ("millibar", "millibars"),
    "atm": ("atmosphere", "atmospheres"),
    "ppm": ("part per million", "parts per million"),
    "ppb": ("part per billion", "parts per billion"),
    "dpi": ("dot per inch", "dots per inch"),
    "DPI": ("dot per inch", "dots per inch"),
    "ppi": ("pixel per inch", "pixels per inch"),
    "px": ("pixel", "pixels"),
    "MP": ("megapixel", "megapixels"),
    "IU": ("international unit", "international units"),
    "mEq": ("milliequivalent", "milliequivalents"),
    "BTU": ("bee tee you", "bee tee yous"),
    "ly": ("light year", "light years"),
    "AU": ("astronomical unit", "astronomical units"),
    "pp": ("percentage point", "percentage points"),
    "bp": ("basis point", "basis points"),
    "M": ("million", "million"),
    "B": ("billion", "billion"),
    "bn": ("billion", "billion"),
    "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
    "°": ("degree", "degrees"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "°K": ("kelvin", "kelvins"),
    "° C": ("degree celsius", "degrees celsius"),
    "° F": ("degree fahrenheit", "degrees fahrenheit"),
    "°c": ("degree celsius", "degrees celsius"),
    "°f": ("degree fahrenheit", "degrees fahrenheit"),
    "deg": ("degree", "degrees"),
}
_PLACE_BEFORE = re.compile(
    r"\b(?:Apt|Apartment|Room|Unit|Gate|Seat|Suite|No|Section|Part|Floor|Row|Bus|Platform|Exhibit|"
    r"Figure|Fig|Table|Building|Level|Phase|Type|number|Area|Zone|Line|Route|Bay)\.? #?$",
    re.IGNORECASE,
)
# Letters that are also words, or names of something else, where a number precedes them.
_DOUBTFUL = frozenset("in A V W J h d t l".split())
_PER = {
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "d": "day",
    "day": "day",
    "week": "week",
    "wk": "week",
    "month": "month",
    "mo": "month",
    "yr": "year",
    "year": "year",
    "kg": "kilogram",
    "g": "gram",
    "L": "liter",
    "l": "liter",
    "dL": "deciliter",
    "dl": "deciliter",
    "mL": "milliliter",
    "ml": "milliliter",
    "m": "meter",
    "m^2": "square meter",
    "m^3": "cubic meter",
    "cm^2": "square centimeter",
    "cm^3": "cubic centimeter",
    "km": "kilometer",
    "s^2": "second squared",
    "lb": "pound",
    "oz": "ounce",
    "gal": "gallon",
    "mol": "mole",
    "dose": "dose",
    "person": "person",
    "serving": "serving",
    "user": "user",
    "capita": "capita",
    "cup": "cup",
    "night": "night",
}
_LENGTHS = frozenset("m km cm mm dm nm µm in ft yd mi".split())
_POWERS = {"2": "square", "3": "cubic"}
_UNIT = rf"(?P<unit>{'|'.join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))})"
_TAIL = (
    r"(?:\^?(?P<power>[23])(?![0-9]))?"
    rf"(?P<dot>\.(?= ?[a-z(,;)]))?(?: ?/ ?(?P<per>{any_of(' '.join(_PER))}))?(?![A-Za-z0-9²]|/[A-Za-z])"
)


def _measured(match: re.Match[str]) -> str | None:
    unit, power, joint = match["unit"], match["power"], match["joint"]
    if power and unit not in _LENGTHS:
        return None
    if unit in _DOUBTFUL and joint == " " and not _is_meant(unit, after(match), power):
        return None
    if unit in {"M", "B"} and (joint or _PLACE_BEFORE.search(before(match))):
        return None
    if unit == "ac" and not joint:
        return None
    if unit == "bps" and not match["fraction"] and int(quantity(match["amount"]).whole) < 300:
        unit = "bp"
    one, many = _UNITS[unit]
    if power:
        one, many = f"{_POWERS[power]} {one}", f"{_POWERS[power]} {many}"
    words, singular = _counted(match)
    if joint == "-" or (joint == "" and False):
        singular = True
    named = one if singular else many
    if match["per"]:
        named += f" per {_PER[match['per']]}"
    return f"{words}{'-' if joint == '-' else ' '}{named}"


def _counted(match: re.Match[str]) -> tuple[str, bool]:
    if fraction := match["fraction"]:
        return fraction_words(match["whole"], *fraction.split("/")) or "", not match["whole"]
    return plain_words(match["amount"]), quantity(match["amount"]).is_one


def _is_meant(unit: str, rest: str, power: str | None) -> bool:
    if unit == "in":
        ends = r"\.(?= [a-z(])|,| ?[x×]|\)| (?:wide|tall|long|deep|thick|high|by|of rain|of snow)\b"
        return bool(power or re.match(ends, rest) or not rest.strip(" ."))
    if unit == "A":
        return bool(re.match(r"[.,;)]| (?:fuse|current|circuit|breaker|charger|at)\b|$", rest))
    return True


def _feet_and_inches(match: re.Match[str]) -> str:
    feet, inches = match["feet"], match["inches"]
    return f"{cardinal_words(feet)} foot {_inches(inches)}"


def _inches(written: str) -> str:
    return plain_words(written)


def _inch_mark(match: re.Match[str]) -> str | None:
    lead, rest = match.string[max(0, match.start() - 200) : match.start()], after(match)
    if re.sub('[0-9]"', "", lead).count('"') % 2 or not re.match(r" ?[a-zx×]|[,.)]|$", rest):
        return None
    if fraction := match["fraction"]:
        return f"{fraction_words(match['whole'], *fraction.split('/'))} inch"
    adjective = re.match(r" (?!wide|tall|long|deep|high|thick|in|of|from|and|or|by|x)[a-z]", rest)
    singular = bool(adjective) or quantity(match["amount"]).is_one
    return f"{plain_words(match['amount'])} {'inch' if singular else 'inches'}"


RULES = (
    rule(
        rf"(?:(?P<amount>{NUMBER})(?![0-9]|[.,/][0-9])|(?:(?P<whole>[0-9]{{1,4}})[ -])?(?P<fraction>[0-9]{{1,2}}/[0-9]{{1,2}}))"
        rf"(?P<joint>[ -]?){_UNIT}{_TAIL}",
        _measured,
        DIGIT,
        SIGN,
    ),
    rule(r"(?P<feet>[1-9])' ?(?P<inches>[0-9]{1,2}(?:\.[0-9])?)(?:\"|''|(?![0-9]))", _feet_and_inches),
    rule(r"(?P<feet>[0-9]{1,4})'(?=[ ,.;)]|$)(?! ?[a-z]+')", lambda m: f"{cardinal_words(m['feet'])} feet" if m.string[max(0, m.start() - 200) : m.start()].count("'") % 2 == 0 else None),
    rule(
        rf"(?:(?:(?P<whole>[0-9]{{1,3}})[ -])?(?P<fraction>[0-9]{{1,2}}/[0-9]{{1,2}})|(?P<amount>{NUMBER}))\"",
        _inch_mark,
    ),
)
