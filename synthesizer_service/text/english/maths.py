"""Fractions, powers, ratios, comparisons and the signs between numbers."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import (
    cardinal_words,
    ordinal_words,
    paired_words,
    plural_words,
)
from synthesizer_service.text.english.numbers import NUMBER, number_words
from synthesizer_service.text.english.rules import (
    EQUATED_AFTER,
    EQUATED_BEFORE,
    LETTER,
    SIGN,
    after,
    before,
    listed,
    rule,
)
from synthesizer_service.text.english.transliteration import GREEK

# Fractions

_PARTS = {"2": "half", "4": "quarter"}
_DENOMINATORS = frozenset(listed("2 3 4 5 6 7 8 9 10 16 32 64 100 1000"))


_RATED = re.compile(
    r"\b(?:rated|rating|score|scored|scores|rate|give|gave|got)(?: (?:it|a|of))?:? $", re.IGNORECASE
)
_RATED_AFTER = re.compile(r",? (?:would|experience|rating|stars?|movie|film|game|recommend)\b")
_COUNTED = re.compile(r" (?!inch|mile|pound|ounce|pint|quart|cup|point|percent)[a-z]{2,}s\b")


def _share(match: re.Match[str]) -> str | None:
    """4.3/5, "rated 9/10", "9/10 runs"."""
    over, under = match["over"], match["under"]
    if under not in {"5", "10", "20", "100"} or float(over) > int(under):
        return None
    if under != "20" and _RATED_AFTER.match(after(match)):
        return f"{number_words(over)} out of {number_words(under)}"
    if over == "1":
        return None
    alone = over == under and not before(match).strip() and not after(match).strip()
    counted = alone or _RATED.search(before(match)) or _COUNTED.match(after(match))
    return f"{number_words(over)} out of {number_words(under)}" if "." in over or counted else None


_NUMBERED_BEFORE = re.compile(
    r"\b(?:attempt|try|retry|retrying|step|page|part|task|tests?|episode|chapter|slide|lesson|level|"
    r"round|question|item|stage|phase|batch|epoch|day|week|game|match|file|progress|copy|volume|"
    r"dis[ck]|sheet|section|module|unit|block|shard|worker|replica|pod|player|wave|iteration|run|"
    r"cycle|photo|image|video|track|message|thread|chunk|layer|commit|job|completed?|done|passed|"
    r"failed|downloaded|installing|building)s?:? [#(]?$|\bp\. $",
    re.IGNORECASE,
)
_DONE_AFTER = re.compile(
    r" (?:[a-z]{1,12} )?(?:passed|passing|failed|done|completed?|succeeded|ready|finished)\b"
)


def _part_of(match: re.Match[str]) -> str | None:
    """ "attempt 2/5", "[2/5]", "12/40 passed", "(1/2)" at either end of a text, a first 1/2."""
    over, under, lead, rest = match["over"], match["under"], before(match), after(match)
    if not 0 <= int(over) <= int(under):
        return None
    bracketed = (lead.endswith("[") and rest.startswith("]")) or lead.endswith("| ")
    alone = lead.endswith("(") and rest.startswith(")") and not (lead[:-1] and rest[1:])
    alone = alone and not EQUATED_AFTER.match(rest)
    alone = alone or (not lead.strip() and re.match(r" [A-Z]", rest) is not None)  # of a thread
    named = _NUMBERED_BEFORE.search(lead) and not _MEASURED_AFTER.match(rest)
    if not (bracketed or alone or named or _DONE_AFTER.match(rest)):
        return None
    return f"{cardinal_words(over)} of {cardinal_words(under)}"


_MEASURED_AFTER = re.compile(r" ?(?:cups?|tsp|tbsp|teaspoon|tablespoon|inch|mile|pound|of|the)\b")


def _fraction(match: re.Match[str]) -> str | None:
    words = fraction_words(match["whole"], match["over"], match["under"])
    equated = EQUATED_BEFORE.search(before(match)) or EQUATED_AFTER.match(after(match))
    if words or not equated or match["whole"]:
        return words
    return f"{cardinal_words(match['over'])} over {cardinal_words(match['under'])}"


def _fractions(match: re.Match[str]) -> str | None:
    """1/4-1/2 cup"""
    low, high = fraction_words(None, match[1], match[2]), fraction_words(None, match[3], match[4])
    return f"{low} to {high}" if low and high else None


def fraction_words(whole: str | None, over: str, under: str) -> str | None:
    """ "2 1/2" -> "two and a half". None for anything but a fraction below one: 24/7, 9/11."""
    if under not in _DENOMINATORS or not 0 < int(over) < int(under):
        return None
    part = _PARTS.get(under) or ordinal_words(under)
    if over != "1":
        part = f"{cardinal_words(over)} {part.replace('half', 'halve')}s"
    elif whole:
        part = f"{'an' if under == '8' else 'a'} {part}"
    else:
        part = f"one {part}"
    return f"{cardinal_words(whole)} and {part}" if whole else part


# Powers

_NAMED_POWERS = {"2": "squared", "3": "cubed"}


def power_words(exponent: str) -> str:
    """ "2" -> "squared", "6" -> "to the sixth", "-3" -> "to the minus three"."""
    return _NAMED_POWERS.get(exponent) or _to_the(exponent)


def _to_the(exponent: str) -> str:
    digits = exponent.lstrip("-−+")
    if not digits.isdecimal():
        return f"to the {spell(digits)}"
    digits = digits.lstrip("0") or "0"
    if exponent[0] in "-−":
        return f"to the minus {cardinal_words(digits)}"
    return f"to the {ordinal_words(digits)}"


def _scientific(match: re.Match[str]) -> str:
    return f"{number_words(match['amount'])} times ten {_to_the(match['exponent'])}"


def _power(match: re.Match[str]) -> str | None:
    exponent, lead = match[1].strip("(){}"), before(match)
    if not re.search(r"[A-Za-z0-9)\]α-ω]$", lead):
        return None
    if re.search(r"[a-z]{4}$", lead):
        return ""  # a footnote mark
    if lead.endswith("10") and not lead[:-2][-1:].isdigit():
        return _to_the(exponent)
    return power_words(exponent)


def _charge(match: re.Match[str]) -> str:
    """SO4^2-, Na^+"""
    digits, sign = match["charge"][:-1], match["charge"][-1]
    return f"{cardinal_words(digits) if digits else ''} {_CHARGES[sign]}".strip()


_CHARGES = {"+": "plus", "-": "minus"}

# Comparisons

_COMPARISONS = {
    "<": "less than",
    ">": "greater than",
    "<=": "less than or equal to",
    ">=": "greater than or equal to",
    "≤": "less than or equal to",
    "≥": "greater than or equal to",
    "=": "equals",
    "==": "equals",
    "!=": "is not equal to",
    "≠": "is not equal to",
    "≈": "is approximately",
    "~=": "is approximately",
}
_HEART_BEFORE = re.compile(r"(?:(?<!age)(?<!ages)(?<!aged)(?<!are)(?<!is)\b[a-z]{2,}|[!?.)]) $")
_OPERAND = r"[-−+]?[$€£¥₩.]?[0-9]"


_MENU_BEFORE = re.compile(
    r"(?:\b(?i:to|click|open|select|choose|tap|under|in|see|via|Settings|File|Edit|View|Tools|Help|"
    r"Preferences|Menu|Options)|[>›»→] ?(?:[A-Z]\w* ){0,2}[A-Z]\w*) "
    r"(?:[\"']?[A-Z]\w*[\"']? ?){0,3}$"
)


def _menu(match: re.Match[str]) -> str | None:
    """Settings > Account > Reset"""
    lead, rest = before(match), after(match)
    named = re.search(r"[A-Za-z]{2}[\"']? $", lead) and re.match(r" [\"']?[A-Z][a-z]", rest)
    chained = re.match(r" (?:[A-Z]\w* ){1,3}[>›»→] ", rest)
    return "," if named and (chained or _MENU_BEFORE.search(lead)) else None


def _comparison(match: re.Match[str]) -> str | None:
    """A comparison between two operands or before a number."""
    sign, lead, rest = match[0], before(match), after(match)
    if sign == "<" and rest.startswith("3") and re.search(r"\b(?:love|luv|miss)[a-z]? $", lead):
        return None
    if sign == "<" and re.match(r"3(?:[ .!]*$| [^\w\s])", rest) and _HEART_BEFORE.search(lead):
        return None
    if sign == "≈" and not re.search(r"[\w)%°] ?$", lead):
        return "approximately"
    if re.match(rf" ?{_OPERAND}", rest) or sign in "≤≥≠≈":
        return _COMPARISONS[sign]
    if sign in {"=", "==", "!="}:
        return _COMPARISONS[sign]
    between = re.search(r"[\w)%°] ?$", lead) and re.match(r" ?[A-Za-z(]", rest)
    tag = re.search(r"<[a-z/]\w{0,20}$", lead) or re.match(r"[a-z/][^<>]{0,30}>", rest)
    return _COMPARISONS[sign] if between and not tag else None


def _ratio(match: re.Match[str]) -> str:
    return f"{number_words(match[1])} to {number_words(match[2])}"


def _pressure(match: re.Match[str]) -> str | None:
    upper, lower = match["upper"], match["lower"]
    if not 250 > int(upper) > int(lower) >= 40:
        return None
    if re.match(r" (?:split|mix|blend|ratio|odds|chance|vote|rule)\b", after(match)):
        return f"{cardinal_words(upper)} {cardinal_words(lower)}"
    unit = " millimeters of mercury" if match["unit"] else ""
    return f"{cardinal_words(upper)} over {cardinal_words(lower)}{unit}"


def _timbers(match: re.Match[str]) -> str:
    """2x4s"""
    return f"{cardinal_words(match[1])} by {plural_words(cardinal_words(match[2]))}"


_SYMBOLS = {
    "∠": "angle",
    "⊥": "is perpendicular to",
    "∥": "is parallel to",
    "≡": "is equivalent to",
    "∝": "is proportional to",
    "∧": "and",
    "∨": "or",
    "∇": "del",
    "⇔": "if and only if",
    "↔": "to and from",
    "⊂": "is a subset of",
    "⊆": "is a subset of",
    "∉": "is not in",
    "∴": "therefore",
    "∞": "infinity",
    "√": "the square root of",
    "∑": "the sum of",
    "∫": "the integral of",
    "∈": "in",
    "∀": "for all",
    "∃": "there is",
    "∂": "partial",
    "∅": "the empty set",
    "∪": "union",
    "∩": "intersection",
}


def _first_arrow(match: re.Match[str]) -> str | None:
    return None if before(match).strip() else ""


RULES = (
    rule(
        r"(?<![0-9/.,])(?P<over>[0-9]{1,3}(?:\.[0-9]{1,2})?)/(?P<under>[0-9]{1,3})(?![0-9/]|[.,][0-9])",
        _share,
    ),
    rule(r"(?<![0-9/.,])(?P<over>[0-9]{1,5})/(?P<under>[0-9]{1,5})(?![0-9/]|[.,][0-9])", _part_of),
    rule(r"(?<!.)([1-9][0-9]?)/(?= [A-Z])", lambda match: f"{cardinal_words(match[1])},"),
    rule(
        r"(?<![0-9/])(?P<upper>[0-9]{2,3})/(?P<lower>[0-9]{2,3})(?![0-9/]|[.,][0-9])"
        r"(?P<unit> ?mm ?Hg\b)?",
        _pressure,
    ),
    rule(r"(?<![0-9/-])([0-9]{1,2})/([0-9]{1,2})-([0-9]{1,2})/([0-9]{1,2})(?![0-9/-])", _fractions),
    rule(rf"(?P<amount>{NUMBER})[eE](?P<exponent>[-−+]?[0-9]{{1,4}})(?![0-9A-Za-z])", _scientific),
    rule(
        r"(?:(?P<whole>[0-9]{1,4})[ -]|(?<![0-9][/:-]))(?P<over>[0-9]{1,3})/(?P<under>[0-9]{1,4})"
        r"(?![0-9/:]|[.,][0-9]|-(?![0-9]{1,2}(?: ?[0-9]/[0-9])? [a-z])[0-9])",
        _fraction,
    ),
    rule(r"(?<!:)([0-9]{1,4}):([0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,4})(?![0-9:])", _ratio),
)
SIGN_RULES = (
    rule(r"\^(?P<charge>[0-9]?[+-])(?![0-9A-Za-z(])", _charge, SIGN),
    rule(
        r"\^(\([-−+]?[0-9]{1,6}\)|\{[-−+]?[0-9]{1,6}\}|[-−+]?[0-9]{1,6}|[a-z])(?![A-Za-z0-9])",
        _power,
        SIGN,
    ),
    rule(r"(?<=[A-Za-z0-9)\]])\*\*(-?[0-9]{1,6}|[a-z])(?![A-Za-z0-9*])", _power, SIGN),
    rule(r"(?<= )<>(?= )", "is not equal to", SIGN),
    rule(  # ==marked==
        r"(?<![=\w])==(?=[A-Za-z][^=\n]{0,60}==)|(?<=[A-Za-z.!?])==(?![=\w])", "", SIGN
    ),
    rule(r"[>›»→]", _menu, SIGN),
    rule(r"(?<![<>=!~-])(?:<=|>=|==|!=|~=|[<>=])(?![<>=])|[≤≥≠≈]", _comparison, SIGN),
    rule(r"→(?= *$)", "", SIGN),
    rule(r"(?<![^ ])→(?= ?\w)(?<!\w )", _first_arrow, SIGN),
    rule(r"(?<![-<])->(?=[ \w])|→|(?<=[\w)] )=>(?= [\w({])", "to", SIGN),
    rule(r"(?<=[\"'mnt] )[×](?= ?[0-9])|(?<=[0-9]{3})×(?=[0-9]{3})", "by", SIGN),
    rule(r"(?<=[0-9])×(?=[0-9]{2,4} ?m\b)", "by", SIGN),  # 4×100 m
    rule(  # 25.4 × 20.3 × 10.2 cm
        r"(?<=[0-9] )×(?= [0-9.]{1,7}(?: × [0-9.]{1,7})? ?(?:[cmkd]?m|in|ft|px|inches|pixels)\b)",
        "by",
        SIGN,
    ),
    rule(r"(?<= [A-Za-z] )\*(?= [A-Za-z0-9](?![A-Za-z0-9]))", "times", SIGN),  # a * b
    rule(r"(?:(?<=^[A-Za-z] ))\*(?= [A-Za-z0-9](?![A-Za-z0-9]))", "times", SIGN),
    rule(r"(?<=[0-9] )[*×](?= ?[0-9])|(?<=[0-9])[*×](?= ?[0-9])|×", "times", SIGN),
    rule(r"(?<=[0-9)] )/(?= [0-9.,]{1,12}(?![0-9.,]| ?[A-Za-z°%]))|÷", "divided by", SIGN),
    rule(r"(?<=[\[(][a-z])-(?=[0-9a-z][\])])|(?<=\([a-z] )-(?= [0-9a-z]\))", "minus", SIGN),
    rule(
        r"(?:(?<=[a-z][a-z])|(?<=USD)|(?<=EUR)|(?<=GBP))/(?=(?:second|minute|hour|day|night|week|month|year|person|user)(?![a-z]))",
        "per",
        SIGN,
    ),
    rule(
        r"(?:(?<=ops)|(?<=req)|(?<=reqs)|(?<=tokens)|(?<=words)|(?<=frames)|(?<=samples)|(?<=rows)"
        r"|(?<=requests)|(?<=events)|(?<=queries)|(?<=steps)|(?<=images)|(?<=bytes)|(?<=messages))"
        r"/s(?:ec)?(?![A-Za-z])",
        "per second",
        SIGN,
    ),
    rule(r"(?<![^ (=+*/<>-])\|(?=[a-z]\|(?:[^A-Za-z0-9|]|$))", "the absolute value of", SIGN),
    rule(r"±|\+/-|\+-", "plus or minus", SIGN),
    rule(f"[{''.join(_SYMBOLS)}]", lambda match: _SYMBOLS[match[0]], SIGN),
    rule(r"(?<=[0-9])·(?=[0-9])|(?<=\b[a-z])·(?=[a-z]\b)", "times", SIGN),
    rule(r"~(?= ?[$€£]?[0-9])(?![0-9]{1,3}~)", "about", SIGN),
    rule(rf"[{''.join(GREEK)}]", lambda match: GREEK[match[0]], SIGN),
)
_AMOUNT_AFTER = r" ?[0-9.]{1,6} ?(?:mc?g|kg|g|m[lL]|L|[GTM]B|k?W|V|tablets?)\b"  # not a length
_EQUATED = r"(?: ?[-+*/x×] ?[0-9.]{1,6}){0,3} ?="  # 6 x 7 = 42
BETWEEN_NUMBERS = (
    rule(rf"(?<=[0-9] )[xX](?= [0-9.]{{1,6}}{_EQUATED})", "times", LETTER),
    rule(
        rf"([0-9]{{1,5}}(?:\.[0-9]{{1,3}})?) ?[xX](?= ?(?:10\^|[0-9.]{{1,6}}{_EQUATED}))",
        lambda match: f"{number_words(match[1])} times",
    ),
    rule(  # 2x + 1
        r"(?<=[=+*/(] )([0-9]{1,3})x(?![A-Za-z0-9])|([0-9]{1,3})x(?= ?[=+*/^)])(?!=[0-9])",
        lambda match: f"{number_words(match[1] or match[2])} ex",
    ),
    rule(
        rf"(?<=[0-9] )[xX](?={_AMOUNT_AFTER})",
        "times",
        LETTER,
    ),
    rule(  # 2x500mg
        rf"([1-9])[xX](?={_AMOUNT_AFTER})", lambda match: f"{cardinal_words(match[1])} times"
    ),
    rule(r"(?:(?<=[0-9]\" [WDHL] )|(?<=[0-9]\"[WDHL] ))[xX](?= [0-9])", "by", LETTER),
    rule(r"([1-9])[xX]([1-9])s(?![A-Za-z0-9])", _timbers),
    rule(r"(?<=[0-9] )[xX](?= [$€£¥₩])", "times", LETTER),
    rule(
        r"(?<=[0-9][\"'] )[xX](?= [0-9])|(?<=[0-9\"'])[xX](?= ?[0-9])|(?<=[0-9] )[xX](?= [0-9])",
        "by",
        LETTER,
    ),
    rule(r"([1-9][0-9]?) [xX](?= [A-Z][a-z])", lambda match: cardinal_words(match[1])),
    rule(r"([1-9])[xX](?= [A-Z])", lambda match: cardinal_words(match[1])),  # 2x HDMI
    rule(  # a processor's 5800X
        r"([1-9][0-9]{2,3})X(?![A-Za-z0-9])", lambda match: f"{paired_words(match[1])} {spell('X')}"
    ),
    rule(
        r"([0-9]{1,4}(?:\.[0-9]{1,3})?)[xX](?![A-Za-z0-9])",
        lambda match: f"{number_words(match[1])} times",
    ),
    rule(
        rf"([0-9]{{1,5}}(?:\.[0-9]{{1,3}})?) ?[xX](?!{_AMOUNT_AFTER}) ?(?=[0-9])",
        lambda match: f"{number_words(match[1])} by",
    ),
)
