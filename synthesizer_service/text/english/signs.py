"""Signs with a word of their own, and signs that are dropped."""

import re

from synthesizer_service.text.english.initialisms import is_spelled
from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words, integer_words
from synthesizer_service.text.english.roman import value_of
from synthesizer_service.text.english.rules import LETTER, SIGN, after, before, rule

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORDS = {
    "%": "percent",
    "‰": "per mille",
    "&": "and",
    "@": "at",
    "+": "plus",
    "°": "degrees",
    "Ω": "omega",
    "µ": "mu",
}


def _hash(match: re.Match[str]) -> str:
    if re.match(r" ?[0-9]", after(match)):
        return "number"
    if re.match(r"[A-Z]{1,4}-?[0-9]", after(match)):
        return "number"
    lead, rest = before(match), after(match)
    if rest.startswith(" of ") or (rest.startswith(":") and re.search("[a-z] $", lead)):
        return "number"
    if after(match).startswith(" "):  # of a comment
        return ""
    return "hashtag" if re.match(r"[A-Za-z_]", after(match)) else "hash"


def _heading(match: re.Match[str]) -> str | None:
    return None if before(match).strip() else ""


def _hashtag(match: re.Match[str]) -> str:
    """ "#MeToo": "hashtag me too"."""
    return " ".join(["hashtag", *map(_hashtag_word, _CAMEL.findall(match["tag"]))])


def _hashtag_word(word: str) -> str:
    if word.isdecimal():
        return integer_words(word)
    return spell(word) if word.isupper() and len(word) > 1 and is_spelled(word) else word


_SUBSECTION = r"[0-9]{1,3}|[a-z]|[A-Z]|[ivx]{1,4}"


def _subsection(match: re.Match[str]) -> str | None:
    """5(b), 1332(a)(1)"""
    if not re.search(r"(?:[0-9]|[0-9]\([0-9A-Za-z]{1,4}\))$", before(match)):
        return None
    part = match["part"]
    if value := len(part) > 1 and value_of(part.upper()):
        return cardinal_words(str(value))
    return spell(part) + match["plural"] if part.isalpha() else cardinal_words(part)


def _list_numeral(match: re.Match[str]) -> str | None:
    """(i), (ii), (iii); "(v)" and "(x)" may be variables."""
    value = value_of(match["numeral"].upper())
    return f"({cardinal_words(str(value))})" if value else None


def _press(match: re.Match[str]) -> str | None:
    """The keys of a telephone."""
    if not re.search(r"\b(?:[Pp]ress|[Dd]ial|[Hh]it|or|[Ee]nter|then) $", before(match)):
        return None
    return "star" if match[0] == "*" else "pound"


def _scale(match: re.Match[str]) -> str:
    return "degrees celsius" if match[0] == "°C" else "degrees fahrenheit"


def _shortcode(match: re.Match[str]) -> str | None:
    """:smile:"""
    return None if re.search(r"[A-Za-z0-9:]$", before(match)) else ""


def _separator(match: re.Match[str]) -> str | None:
    """The bar or dot between the parts of a line."""
    if match[0] == "/" and re.match(r" (?:hour|day|night|week|month|year|person)\b", after(match)):
        return "per"
    parts = re.search(r"\w\W{0,3} $", before(match)) and re.match(r" \W{0,3}\w", after(match))
    return "," if parts else None


_NAME_AFTER = re.compile(r"[a-z]{2}|[A-Z]{2}|[A-Z][a-z]{1,20}[A-Z(]")
_CALL_AFTER = re.compile(r"[a-z]\w{1,30}\(")


def _dot(match: re.Match[str]) -> str | None:
    """The dot of threading.RLock and of c.get(key)."""
    if re.search(r"\b[a-z]{2,20}\.[a-z]{2,20}$", before(match)) and re.match(
        "[A-Z][a-z]", after(match)
    ):
        return "dot"  # com.example.Main
    pattern = _NAME_AFTER if re.search("[a-z]{2}$", before(match)) else _CALL_AFTER
    return "dot" if pattern.match(after(match)) else None


_SCORE_AFTER = re.compile(r" {0,3}\(?[0-5](?:\.[0-9])?(?: ?/| out of| stars?| of)")


def _rating(match: re.Match[str]) -> str:
    """ "★★★★☆" is "four out of five stars", 4.5★ is one star; other stars are a decoration."""
    given, total = len(match[1]), len(match[0])
    if re.search("[0-9] ?$", before(match)):
        return "star" if total == 1 else ""
    if _SCORE_AFTER.match(after(match)):
        return ""  # the number that follows says it
    if match[2]:
        return f"{cardinal_words(str(given))} out of {cardinal_words(str(total))} stars"
    return f"{cardinal_words(str(given))} stars" if given in {4, 5} else ""


RULES = (
    rule(r"(?<![★☆])(★{1,10})(☆{0,9})(?![★☆])", _rating, SIGN),
    rule(r"[★☆]++", "", SIGN),
    rule(r"(?<![^ (\"'])!(?=[A-Za-z])", "", SIGN),  # !important
    rule(
        r"(?<![A-Za-z0-9])(?:[:;]-?[()DPp/|]|:'\(|<3|:-?\*|[xX]D)(?![A-Za-z0-9(])", "", SIGN, LETTER
    ),
    rule(r"(?<![+\w])\+\+(?=[A-Za-z]{2})", "", SIGN),  # ++inserted++
    rule(r"~(?=[0-9]{1,3}~)|(?<=~[0-9])~|(?<=~[0-9]{2})~", "", SIGN),  # H~2~O
    rule(r"\[!(?=[A-Z]{3,10}\])", "", SIGN),  # [!NOTE]
    rule(r"(?:(?<=[^A-Za-z0-9.)])|(?<!.))\.(?=[a-z]{2})", "dot", SIGN),
    rule(r"(?<=[a-z][a-z] )-(?=(?:[b-hj-z]|[b-df-hj-np-tv-z]{2})(?![A-Za-z0-9-]))", "dash", SIGN),
    rule(r"°(?:C|F)(?![A-Za-z])", _scale, SIGN),
    rule(r":(?:[a-z][a-z0-9_+-]{1,30}|[+-]1):(?![A-Za-z0-9:])", _shortcode, SIGN),
    rule(r"[%‰&@+°Ωµ]", lambda match: _WORDS[match[0]], SIGN),
    rule(r"#{1,6}(?= [A-Za-z])(?! of )", _heading, SIGN),
    rule(r"#(?P<tag>(?![A-Z]{1,4}-?[0-9])[A-Za-z][A-Za-z0-9_]{1,60})", _hashtag, SIGN),
    rule(r"(?<!\*)[*#](?![0-9A-Za-z*#_])", _press, SIGN),
    rule(r"(?<=[0-9])#(?![0-9A-Za-z])", "pound", SIGN),
    rule(r"#", _hash, SIGN),
    rule(r"(?<=[A-Za-z])(?:\(s\)|\(\))", "", SIGN),
    rule(rf"\((?P<part>{_SUBSECTION})\)(?P<plural>s?)(?![A-Za-z0-9])", _subsection, SIGN),
    rule(  # (iii)
        r"(?<![A-Za-z0-9])\((?P<numeral>i|[ivx]{2,4})\)", _list_numeral, SIGN
    ),
    rule(r"\([cC]\)(?= ?(?:19|20)[0-9]{2})|(?<![^ ])\(C\)(?= [A-Z][A-Za-z])|©", "copyright", SIGN),
    rule(r"(?<= )[|•·](?= )", _separator, SIGN),
    rule(r"(?<=[A-Za-z)%.] )/(?= [A-Za-z0-9])(?! or\b)", _separator, SIGN),
    rule(r"§§", "sections", SIGN),
    rule(r"¶¶", "paragraphs", SIGN),
    rule(r"¶", "paragraph", SIGN),
    rule(r"§", "section", SIGN),
    rule(r"(?<=[a-z])\.", _dot, SIGN),
)
