"""Phone, card and account numbers, versions and codes, spelled by digits and letters."""

import re

from synthesizer_service.text.english.initialism_words import SAID_AS, SHORT_WORDS
from synthesizer_service.text.english.initialisms import is_spelled, pronounceable
from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import (
    cardinal_words,
    digit_words,
    integer_words,
    paired_words,
    plural_words,
)
from synthesizer_service.text.english.numbers import quantity
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, before, rule

_EXTENSION = r"(?:,? ?(?:ext\.?|extension|x) ?(?P<extension>[0-9]{1,6}))?"
_GAP = r"[ .-]"
_STARTS = r"(?<![0-9A-Za-z])(?<![0-9][.,/:-])"
_ENDS = r"(?![0-9A-Za-z]|[-/:][0-9]|[.,][0-9])"
_RUNS = re.compile(r"[0-9]+|[A-Za-z]+")


def _groups(written: str) -> str:
    """Spell groups with commas between them: "212-555" -> "two one two, five five five"."""
    return ", ".join(spell(run) for run in re.findall(r"[0-9A-Za-z]+", written))


def _phone(match: re.Match[str]) -> str:
    words = _groups(match["number"])
    if match["number"].startswith("+"):
        words = f"plus {words}"
    if match["extension"]:
        words += f", extension {digit_words(match['extension'])}"
    return words


def _vanity(match: re.Match[str]) -> str:
    return f"{_groups(match['number'])}, {', '.join(match['words'].lower().split('-'))}"


_ASKED_FOR = re.compile(
    r"\b(?:account|card|order|invoice|tracking|serial|pin|passcode|code|zip|postcode|passport|"
    r"reference|ref|ticket|confirmation|booking|routing|policy|license|case|number|no|phone|tel|"
    r"telephone|mobile|fax|call|dial|text|ending|id|iban|isbn|extension|ext|password|otp|sku|upc|"
    r"model|part|lot|vin|acct|pmid|pmcid|ein|ssn|tin|npi|cvv|cvc)"
    r"\.?(?: (?:number|no|id|code|ending in|in|is))?[.:#]{0,2} ?#?$",
    re.IGNORECASE,
)
_TEXTED = re.compile(r"\b[Tt]ext [\"']?[A-Z]{2,12}[\"']? to $")  # text STOP to 40404
_SHORT_CALLS = frozenset({"911", "411", "311", "999", "112", "988"})


def _digits_by_context(match: re.Match[str]) -> str | None:
    """Digits of a number after a word such as "account", and of any number from ten digits on."""
    digits, lead = match["digits"], before(match)
    if len(digits) >= 10 or digits.startswith("0"):
        return digit_words(digits)
    asked = _ASKED_FOR.search(lead) or re.search("[A-Z]{2,5}# ?$", lead)
    if len(digits) in {5, 6} and _TEXTED.search(lead):
        return digit_words(digits)
    short = asked and re.match("ext|cv", asked[0], re.IGNORECASE)
    if asked and (len(digits) >= 4 or digits in _SHORT_CALLS or short):
        return digit_words(digits)
    zip_code = len(digits) == 5 and re.search(r"\b[A-Z]{2} $", lead)
    return digit_words(digits) if zip_code else None


def _dashed_digits(match: re.Match[str]) -> str | None:
    """88-4431-07; 5-10-15 are numbers."""
    groups = match[0].split("-")
    is_code = any(len(group) > 2 or (len(group) > 1 and group[0] == "0") for group in groups)
    return _groups(match[0]) if is_code or _ASKED_FOR.search(before(match)) else None


def _asked_digits(match: re.Match[str]) -> str | None:
    """order no. 55-321"""
    asked = _ASKED_FOR.search(before(match)) and re.search("[0-9]{3}", match[0])
    return _groups(match[0]) if asked else None


def _spaced_digits(match: re.Match[str]) -> str | None:
    """account no. 4432 1109 87"""
    return _groups(match[0]) if _ASKED_FOR.search(before(match)) else None


def _asked_key(match: re.Match[str]) -> str | None:
    """passcode: 48x7Qp"""
    mixed = len(_RUNS.findall(match[0])) > 3
    return spell(match[0]) if mixed and _ASKED_FOR.search(before(match)) else None


def _feature_code(match: re.Match[str]) -> str | None:
    """*67, *#06#, which a telephone dials"""
    if not match["end"] and not _DIALLED.search(before(match)):
        return None
    keys = [_KEYS.get(key) or digit_words(key) for key in match[0]]
    return " ".join(keys)


_KEYS = {"*": "star", "#": "pound"}
_DIALLED = re.compile(r"\b(?:dial|press|enter|call|hit|use|code|or) $", re.IGNORECASE)


def _standard(match: re.Match[str]) -> str | None:
    """ISO 9001:2015"""
    if not re.search(r"\b(?:ISO|IEC|EN|DIN|BS|ANSI)(?:[/ ][A-Z]{2,4})? $", before(match)):
        return None
    return f"{integer_words(match[1])}, {integer_words(match[2])}"


def _thread(match: re.Match[str]) -> str:
    """M8x1.25, of a screw"""
    return f"{spell('M')} {quantity(match[1]).words()} by {quantity(match[2]).words()}"


def _hash_number(match: re.Match[str]) -> str:
    digits = match["digits"]
    if "-" in digits:
        return f"number {_groups(digits)}"
    return f"number {digit_words(digits) if len(digits) > 3 else integer_words(digits)}"


def _address(match: re.Match[str]) -> str | None:
    """192.168.0.1"""
    parts = match["address"].split(".")
    if any(int(part) > 255 for part in parts):
        return None
    words = " dot ".join(_octet(part) for part in parts)
    if match["port"]:
        words += f" port {digit_words(match['port'])}"
    return words + (f" slash {cardinal_words(match['bits'])}" if match["bits"] else "")


def _octet(digits: str) -> str:
    return paired_words(digits) if len(digits) == 3 and digits[0] != "0" else cardinal_words(digits)


def _points(written: str) -> str:
    return " point ".join(map(cardinal_words, written.split(".")))


def _version(match: re.Match[str]) -> str:
    numbers = _points(match["numbers"])
    suffix = match["suffix"]
    return f"version {numbers}" + (f" {mixed_words(suffix)}" if suffix else "")


def _mixed(match: re.Match[str]) -> str | None:
    token = match[0]
    if token.startswith(("noon-", "midnight-")):
        return None
    if not re.search("[0-9]", token) or not re.search("[A-Za-z]", token):
        return None
    return mixed_words(token)


def mixed_words(token: str) -> str:
    """Spoken form of a token with letters and digits: "HTML5", "A7B", "mp3", "GPT-4o"."""
    parts = [part for part in re.split("[-_]", token) if part]
    return " ".join(_mixed_part(part) for part in parts)


def _mixed_part(part: str) -> str:
    if re.fullmatch("[A-Z]{1,4}[0-9]{1,2}s|[1-9][A-Z]s", part):
        return plural_words(_mixed_part(part[:-1]))  # MP3s
    runs = _RUNS.findall(part)
    if len(runs) > 4 or (len(part) >= 8 and len(runs) > 2):
        return spell(part)  # a hash, a key, a licence plate
    return " ".join(map(_run_words, runs))


def _run_words(run: str) -> str:
    """Spoken form of a run of digits or letters in a code."""
    if run.isdecimal():
        if run[0] == "0" or len(run) > 4:
            return digit_words(run)
        return cardinal_words(run) if len(run) < 3 else paired_words(run)
    if run in SAID_AS:
        return SAID_AS[run]
    if run.isupper() and len(run) == 2:
        return spell(run)  # H2SO4
    if run.isupper():
        return spell(run) if len(run) == 1 or is_spelled(run) else run.lower()
    is_word = pronounceable(run.lower()) if len(run) > 2 else run.upper() in SHORT_WORDS
    return run.lower() if is_word else spell(run)


def _grouped_code(match: re.Match[str]) -> str | None:
    """K7R-220-94Q, B4471-X: a group has letters and digits and is not a word, year or size."""
    groups = match[0].split("-")
    mixed = [group for group in groups if not (group.isalpha() or group.isdecimal())]
    if len(groups) == 2 and all(re.fullmatch("[A-Z]{2,5}[0-9]{1,4}", group) for group in mixed):
        return None  # AVX512-BF16
    long = any(len(group) > 3 for group in mixed) or len(groups) > 2
    joint = ", " if len(groups) > 2 else " "
    return joint.join(map(spell, groups)) if mixed and long else None


def _code_with_dashes(match: re.Match[str]) -> str | None:
    """XK-4402-B"""
    if not re.search("[0-9]", match[0]):
        return None
    return " ".join(
        cardinal_words(part) if part.isdecimal() and len(part) < 3 else spell(part)
        for part in match[0].split("-")
    )


def _iban(match: re.Match[str]) -> str:
    plain = match[0].replace(" ", "")
    return ", ".join(spell(plain[at : at + 4]) for at in range(0, len(plain), 4))


_NORTH_AMERICAN = (
    rf"(?:\+?1{_GAP}?)?(?:\([0-9]{{3}}\) ?|[0-9]{{3}}{_GAP})[0-9]{{3}}{_GAP}[0-9]{{4}}"
)
_NATIONAL = (
    r"(?![0-3][0-9]-[0-3][0-9]-(?:19|20)[0-9]{2})0[0-9]{1,4}(?:[ -][0-9]{2,4}){2,4}"
    r"|(?:[0-9]{1,4}-){1,2}[0-9]{3,4}-[0-9]{4}|[0-9]{3}-[0-9]{3}[1-9]"
    r"|\(0[0-9]{1,4}\) ?[0-9]{3,4}[ -]?[0-9]{3,4}|\([0-9]{2,3}\) ?[0-9]{4,5}-[0-9]{4}"
    r"|0[0-9]{2,4} ?/ ?[0-9]{3,8}(?:[ -][0-9]{1,5}){0,2}"
    r"|(?:011|00)[ -][1-9][0-9]{0,2}(?:[ -][0-9]{1,5}){2,6}"
)
_CARD = (
    r"[0-9]{4}(?:[ -][0-9]{4}){3,4}(?:[ -][0-9]{1,4})?|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5}"
    r"|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{1,7}(?:-[0-9]{1,7}){3,6}(?:-[0-9X])?|[0-9]{5}-[0-9]{3,4}"
)
_RELEASE = r"(?P<suffix>(?:alpha|beta|rc|b|a|dev|post)[.-]?[0-9]{0,4})"


def _colons(match: re.Match[str]) -> str | None:
    """fe80::1, 2001:db8:0:0:1:2:3:4"""
    groups = match[0].split(":")
    if "::" not in match[0] and len(groups) < 8:
        return None
    return " colon ".join(map(spell, groups)).replace("  ", " ").strip()


def _color(match: re.Match[str]) -> str | None:
    """#FF8800; #bad and #add are words."""
    digits = match[0][1:]
    is_color = re.search("[0-9]", digits) and re.search("[A-Fa-f]", digits)
    return f"hash {spell(digits)}" if is_color or set(digits.lower()) == {"f"} else None


def _aircraft(match: re.Match[str]) -> str:
    """737-800"""
    model = match[2]
    return f"{paired_words(match[1])} {(paired_words if len(model) > 2 else cardinal_words)(model)}"


def _postcode(match: re.Match[str]) -> str | None:
    """75002 Paris, at the end of an address."""
    return digit_words(match[0]) if re.search(r"[0-9A-Za-z.], $|\b[A-Z]-$", before(match)) else None


RULES = (
    rule(
        r"(?<![0-9A-Za-z*#])[*#]{1,2}[0-9]{2,4}(?P<end>[*#]?)(?![0-9A-Za-z*#])", _feature_code, SIGN
    ),
    rule(r"([0-9]{3,5}(?:-[0-9])?):((?:19|20)[0-9]{2})(?![0-9:])", _standard),
    rule(r"[0-9A-Za-z]{5,16}(?![0-9A-Za-z@_-]|\.[0-9A-Za-z])", _asked_key, DIGIT, LETTER),
    rule(
        r"M([0-9]{1,2}(?:\.[0-9])?)[x×]([0-9]{1,3}(?:\.[0-9]{1,2})?)(?![0-9A-Za-z])",
        _thread,
        LETTER,
    ),
    rule(r"(7[0-9]7)-([1-9]00|(?:[89]|10)(?=[ .,;)]|$))(?:ER)?(?![0-9A-Za-z-])", _aircraft),
    rule(
        r"802\.11(?P<kind>[a-z]{1,2})(?![A-Za-z0-9])",
        lambda match: f"eight oh two point eleven {spell(match['kind'])}",
    ),
    rule(r"[0-9]{5}(?= [A-Z][a-z]{2,20}(?:[,.;)]|$| [A-Z(]))", _postcode),
    rule(
        r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![0-9A-Za-z:])", _colons, DIGIT, LETTER, SIGN
    ),
    rule(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})(?![0-9A-Za-z])", _color, SIGN),
    rule(r"1-(8[0-9]{2})(?![0-9-])", lambda match: f"one {paired_words(match[1])}"),
    rule(  # motor oil
        r"([0-9]{1,2})W-([0-9]{2})(?![0-9A-Za-z])",
        lambda match: f"{cardinal_words(match[1])} {spell('W')} {cardinal_words(match[2])}",
    ),
    rule(
        r"0(?:[xX][0-9A-Fa-f]{1,16}|[bB][01]{1,32})(?![0-9A-Za-z])", lambda match: spell(match[0])
    ),
    rule(
        r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])",
        lambda match: _groups(match[0]),
        DIGIT,
        LETTER,
    ),
    rule(
        rf"{_STARTS}(?P<number>{_NORTH_AMERICAN}|{_NATIONAL}){_EXTENSION}{_ENDS}",
        _phone,
        DIGIT,
        SIGN,
    ),
    rule(
        rf"(?P<number>\+(?=[0-9 ().-]{{7}})[0-9]{{1,3}}(?:[ .-]?\(?[0-9]{{1,5}}\)?){{2,6}})"
        rf"{_EXTENSION}{_ENDS}",
        _phone,
        SIGN,
    ),
    rule(
        r"(?P<number>1-8[0-9]{2}(?:-[0-9]{3})?)-(?P<words>[A-Z]{2,10}(?:-[A-Z]{3,10})?)(?![A-Za-z0-9])",
        _vanity,
    ),
    rule(  # **** **** **** 4242
        r"(?:[xX*•]{4}[ -]){1,3}([0-9]{4})(?![0-9])",
        lambda match: f"ending in {digit_words(match[1])}",
        LETTER,
        SIGN,
    ),
    rule(
        r"K-([1-9]|1[0-2])(?![0-9A-Za-z-])",
        lambda match: (
            f"{spell('K')} to {cardinal_words(match[1])}"
            if re.search(r"\b[Gg]rades? $", before(match))
            else None
        ),
        LETTER,
    ),
    rule(  # a parcel
        r"1Z ?[0-9A-Z]{3} ?[0-9A-Z]{3} ?[0-9]{2} ?[0-9]{4} ?[0-9]{4}(?![0-9A-Z])",
        lambda match: _groups(match[0]),
    ),
    rule(rf"{_STARTS}(?:{_CARD}){_ENDS}", lambda match: _groups(match[0])),
    rule(
        r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])", _iban, LETTER
    ),
    rule(
        r"(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?![0-9.])(?::(?P<port>[0-9]{1,5}))?"
        r"(?:/(?P<bits>[0-9]{1,2}))?(?![0-9/])",
        _address,
    ),
    rule(
        r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Za-z:])",
        lambda match: _groups(match[0]),
        DIGIT,
        LETTER,
    ),
    rule(
        r"[vV](?:er\.? ?)?(?P<numbers>[0-9]{1,6}(?:\.[0-9]{1,6}){1,4})(?![0-9])"
        rf"(?:[-.]?{_RELEASE}(?![A-Za-z0-9]))?",
        _version,
        LETTER,
    ),
    rule(  # 2.0.1-beta.3
        r"(?P<numbers>[0-9]{1,4}(?:\.[0-9]{1,4}){1,3})-(?P<suffix>(?:alpha|beta|rc|dev)\.?[0-9]{0,3})"
        r"(?![A-Za-z0-9])",
        lambda match: _version(match).removeprefix("version "),
    ),
    rule(r"v(?P<numbers>[0-9]{1,4})(?P<suffix>)(?![A-Za-z0-9])", _version, LETTER),
    rule(
        r"#(?P<digits>[0-9]{1,15}(?:-[0-9]{1,12}){0,4})(?![0-9A-Za-z]|[.,-][0-9A-Za-z])",
        _hash_number,
        SIGN,
    ),
    rule(r"[0-9]{2,6}(?: [0-9]{2,6}){1,6}(?![0-9A-Za-z]|[.,:/-][0-9A-Za-z])", _spaced_digits),
    rule(  # 884-221-B
        r"[0-9]{2,6}(?:-[0-9]{2,6}){1,3}-[A-Z]{1,2}(?![A-Za-z0-9-])",
        lambda match: _groups(match[0]),
    ),
    rule(r"[0-9]{1,6}-[0-9]{1,8}(?![0-9A-Za-z]|[.,:/-][0-9A-Za-z])", _asked_digits),
    rule(
        r"(?P<digits>[0-9]{3,15})(?! hours| hrs)(?![0-9A-Za-z]|[.,'][0-9]|[-/:][0-9])",
        _digits_by_context,
    ),
    rule(
        r"(?P<lines>[0-9]{3,4})(?P<kind>[pi])(?![A-Za-z0-9])",
        lambda match: f"{paired_words(match['lines'])} {spell(match['kind'])}",
    ),
)
MIXED_RULES = (
    rule(r"[0-9]{1,6}(?:-[0-9]{1,8}){2,5}(?![0-9A-Za-z]|[.,:/-][0-9A-Za-z])", _dashed_digits),
    rule(r"[A-Z0-9]{1,12}(?:-[A-Z0-9]{1,12}){1,5}(?![A-Za-z0-9-])", _grouped_code, LETTER, DIGIT),
    rule(
        r"[A-Z]{1,4}(?:(?:-[A-Z0-9]{1,12}){2,6}|-(?=[0-9A-Z]{0,11}[0-9])[0-9A-Z]{3,12})"
        r"(?![A-Za-z0-9])",
        _code_with_dashes,
        LETTER,
    ),
    rule(  # B.1.1.7, of a virus
        r"(?P<letters>[A-Z]{1,2})\.(?P<numbers>[0-9]{1,3}(?:\.[0-9]{1,3}){1,3})(?![A-Za-z0-9.])",
        lambda match: f"{spell(match['letters'])} {_points(match['numbers'])}",
        LETTER,
    ),
    rule(  # KR1.2
        r"(?P<letters>[A-Z]{1,4})(?P<numbers>[0-9]{1,3}(?:\.[0-9]{1,3}){1,3})(?![A-Za-z0-9.])",
        lambda match: f"{spell(match['letters'])} {_points(match['numbers'])}",
        LETTER,
    ),
    rule(r"[A-Za-z0-9]++(?:-[0-9]{1,4}(?![A-Za-z0-9-]|[.,][0-9]))?", _mixed, LETTER, DIGIT),
)
