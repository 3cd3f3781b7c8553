"""Abbreviations in full: titles, company forms, streets, Latin, and what stands before numbers.

Titles with the dot are all that RTVC expands, in any case ("3rd St." is its "third saint"). Without
the dot, only where nothing else is meant: titles that are no English word, and those that are
("gen", "hon", "rev") only when capitalised and before a name.
"""

import re

from synthesizer_service.text.english.rules import LETTER, after, any_of, before, rule

_TITLES = {  # with the dot in any case, without it too
    "mrs": "misess",  # RTVC's spelling, which its checkpoints have learned
    "mr": "mister",
    "ms": "miz",
    "mx": "mix",
    "drs": "doctors",
    "dr": "doctor",
    "jr": "junior",
    "sr": "senior",
    "sgt": "sergeant",
    "capt": "captain",
    "esq": "esquire",
    "ltd": "limited",
    "prof": "professor",
    "messrs": "messers",
    "mme": "madame",
    "mlle": "mademoiselle",
    "cmdr": "commander",
    "cpl": "corporal",
    "supt": "superintendent",
}
_BEFORE_A_NAME = {
    "st": "saint",
    "maj": "major",
    "gen": "general",
    "rev": "reverend",
    "lt": "lieutenant",
    "hon": "honorable",
    "col": "colonel",
    "ft": "fort",
    "gov": "governor",
    "sen": "senator",
    "rep": "representative",
    "pres": "president",
    "mt": "mount",
    "adm": "admiral",
    "pvt": "private",
    "fr": "father",
}
_FULL = {**_TITLES, **_BEFORE_A_NAME, "co": "company"}

_DOTTED = {  # with the dot only, in any case
    "e.g": "for example",
    "eg": "for example",
    "i.e": "that is",
    "ie": "that is",
    "etc": "et cetera",
    "vs": "versus",
    "v": "versus",
    "approx": "approximately",
    "appx": "approximately",
    "inc": "incorporated",
    "corp": "corporation",
    "dept": "department",
    "est": "established",
    "bros": "brothers",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "ln": "lane",
    "hwy": "highway",
    "pkwy": "parkway",
    "apt": "apartment",
    "ste": "suite",
    "bldg": "building",
    "rm": "room",
    "avg": "average",
    "incl": "including",
    "excl": "excluding",
    "misc": "miscellaneous",
    "temp": "temperature",
    "tel": "telephone",
    "ph": "phone",
    "cf": "compare",
    "al": "al",
    "viz": "namely",
    "ca": "circa",
    "resp": "respectively",
    "esp": "especially",
    "govt": "government",
    "intl": "international",
    "assn": "association",
    "assoc": "associate",
    "univ": "university",
    "mgr": "manager",
    "asst": "assistant",
    "attn": "attention",
    "max": "maximum",
    "min": "minimum",
    "qty": "quantity",
    "ref": "reference",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "oz": "ounces",
    "lb": "pound",
    "lbs": "pounds",
    "pkg": "package",
    "a.k.a": "also known as",
    "c/o": "care of",
    "mfg": "manufacturing",
    "dist": "district",
    "orig": "original",
    "ed": "edition",
    "eds": "editors",
    "trans": "translated by",
    "rev": "revised",
    "yr": "year",
    "yrs": "years",
    "hr": "hour",
    "hrs": "hours",
    "mins": "minutes",
    "sec": "second",
    "secs": "seconds",
    "gal": "gallon",
    "hosp": "hospital",
    "sq": "square",
    "cu": "cubic",
}
_NEED_A_NUMBER = {  # before a number or a code
    "no": "number",
    "nos": "numbers",
    "nr": "number",
    "fig": "figure",
    "figs": "figures",
    "ch": "chapter",
    "chap": "chapter",
    "sec": "section",
    "vol": "volume",
    "vols": "volumes",
    "eq": "equation",
    "eqs": "equations",
    "p": "page",
    "pp": "pages",
    "pg": "page",
    "pgs": "pages",
    "art": "article",
    "para": "paragraph",
    "pt": "part",
    "ext": "extension",
    "apt": "apartment",
    "rm": "room",
    "ste": "suite",
    "c": "circa",
    "l": "line",
    "ll": "lines",
    "ver": "version",
    "ed": "edition",
    "tab": "table",
    "lvl": "level",
    "ep": "episode",
    "bldg": "building",
}
_PLAIN = {  # without the dot, as written
    "vs": "versus",
    "etc": "et cetera",
    "approx": "approximately",
    "eg": "for example",
    "ie": "that is",
    "Inc": "incorporated",
    "Corp": "corporation",
    "Dept": "department",
    "Ave": "avenue",
    "Blvd": "boulevard",
    "Hwy": "highway",
    "Pkwy": "parkway",
    "Apt": "apartment",
    "w/o": "without",
    "w/": "with",
    "b/c": "because",
    "c/o": "care of",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "lbs": "pounds",
    "govt": "government",
    "km": "kilometers",
    "kg": "kilograms",
    "mph": "miles per hour",
    "Mt": "mount",
    "Tel": "telephone",
    "Bros": "brothers",
    "Attn": "attention",
    "Qty": "quantity",
    "qty": "quantity",
    "misc": "miscellaneous",
    "Misc": "miscellaneous",
    "avg": "average",
    "Avg": "average",
    "incl": "including",
    "excl": "excluding",
    "max": "max",
}
_DIRECTIONS = {
    "N": "north",
    "S": "south",
    "E": "east",
    "W": "west",
    "NE": "northeast",
    "NW": "northwest",
    "SE": "southeast",
    "SW": "southwest",
}
_STREETS = "St Street Ave Avenue Rd Road Blvd Boulevard Dr Drive Ln Lane Way Court Ct Place Pl"
_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts",
    "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana",
    "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico",
    "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip

_NAME = re.compile(r" (?!Alpha\b|Beta\b)[A-Z][a-z]")  # Gen Alpha is no general


def _title(match: re.Match[str]) -> str | None:
    word, rest = match["word"], after(match)
    lower = word.lower()
    if match["dot"]:
        return None if rest[:1].islower() or rest[:1].isdigit() else _FULL[lower]
    if word.isupper() or rest[:1] in {".", "-"}:
        return None  # DR Congo, JR East, Co-op
    if lower in _TITLES:
        return _TITLES[lower] if len(lower) > 2 or word.istitle() or lower in {"mr", "dr"} else None
    if lower in _BEFORE_A_NAME and word.istitle() and _NAME.match(rest):
        return _BEFORE_A_NAME[lower]
    return None


def _street(match: re.Match[str]) -> str | None:
    """ "Baker St" and "42nd St" are streets; RTVC's "3rd St." at the end is a saint."""
    lead, rest = before(match), after(match)
    if _NAME.match(rest) and not re.search(r"[0-9]+ [A-Z][a-z]+ $", lead):
        return None
    numbered = re.search(r"[0-9](?:st|nd|rd|th) $", lead)
    if numbered and match["dot"] and not rest.strip():
        return "saint"
    return "street" if numbered or re.search(r"\b[A-Z][a-z]+ $", lead) else None


def _drive(match: re.Match[str]) -> str | None:
    """The "Dr." after a street's name and number."""
    if not re.search(r"\b[0-9]+ (?:[NSEW]\.? )?[A-Z][a-z]+ $", before(match)):
        return None
    return None if _NAME.match(after(match)) else "drive"


def _company(match: re.Match[str]) -> str | None:
    followed = re.match(r"[.-]| (?!Ltd|Inc|Plc|LLC)[A-Z]", after(match))
    named = re.search(r"(?:\b[A-Z][a-z]*|&) $", before(match))
    return "company" if named and not followed else None


def _dotted(match: re.Match[str]) -> str | None:
    word, rest = match["word"], after(match)
    lower = word.lower()
    if lower == "v" and not (re.search(r"[A-Z][\w.]* $", before(match)) and _NAME.match(rest)):
        return None
    sentence_end = not rest.strip(" \"')") or re.match(r" [\"']?[A-Z]", rest)
    if lower in {"min", "max", "ed", "temp", "sec", "al", "ref", "ie", "eg", "ca", "est", "rm", "ste", "ph", "rev", "cu", "dist", "yr", "sq", "gal"}:
        if lower in {"al"} or (lower in {"ed", "sec", "al", "ca", "est"} and sentence_end):
            return None
        if lower in {"min", "max", "temp", "ref"} and sentence_end and not rest.startswith(" T"):
            return None
    return _DOTTED[lower]


def _needs_a_number(match: re.Match[str]) -> str | None:
    return _NEED_A_NUMBER[match["word"].lower()]


def _et_al(match: re.Match[str]) -> str:
    return "and others"


def _as_written(match: re.Match[str]) -> str | None:
    word = match[0]
    if word in {"km", "kg", "tbsp", "tsp", "mph", "max"} and word == "max":
        return None
    return _PLAIN[word]


def _direction(match: re.Match[str]) -> str:
    return _DIRECTIONS[match["to"].upper()]


RULES = (
    rule(r"(?:https?|ftp)(?=:)", lambda match: None, LETTER),
    rule(r"et al(?:\.|(?![A-Za-z]))", _et_al, LETTER),
    rule(
        rf"(?<=[0-9] )(?P<to>[NSEW]|[NS][EW])\.?(?= [A-Z][a-z]+ (?:{_STREETS.replace(' ', '|')})\b)",
        _direction,
        LETTER,
    ),
    rule(
        rf"(?<=, )(?P<state>{'|'.join(_STATES)})(?= [0-9]{{5}}|[.,;)]|$| ?$)",
        lambda match: _STATES[match["state"]] if re.search(r"[A-Z][a-z]+, $", before(match)) else None,
        LETTER,
    ),
    rule(
        rf"(?P<word>(?i:{any_of(' '.join(_NEED_A_NUMBER))}))\.(?= ?(?:[0-9#]|[A-Z]+[0-9]|(?!I\b)[IVXL]+\b|[ivxl]+\b))",
        _needs_a_number,
        LETTER,
    ),
    rule(r"St(?P<dot>\.)?(?![A-Za-z0-9.-])", _street, LETTER),
    rule(r"Dr(?:\.|(?![A-Za-z]))", _drive, LETTER),
    rule(r"Co(?![A-Za-z])", _company, LETTER),
    rule(
        rf"(?P<word>(?i:{any_of(' '.join(_FULL))}))(?:(?P<dot>\.)|(?![A-Za-z0-9']))", _title, LETTER
    ),
    rule(
        rf"(?P<word>(?i:{any_of(' '.join(_DOTTED))}))\.(?![A-Za-z0-9])",
        _dotted,
        LETTER,
    ),
    rule(rf"w/(?=[ A-Za-z])(?!o\b)|(?:{any_of(' '.join(_PLAIN))})(?![A-Za-z0-9'/-])", _as_written, LETTER),
)
