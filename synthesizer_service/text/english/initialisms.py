"""Words in capitals: spelled (FBI), pronounced as words (NASA, STOP), or respelled (JPEG)."""

import re

from synthesizer_service.text.english.initialism_words import (
    ACRONYMS,
    AMONG_CAPITALS_WORDS,
    CODAS,
    INTERJECTIONS,
    ONSETS,
    SAID_AS,
    SHORT_WORDS,
    SPELLED,
)
from synthesizer_service.text.english.letters import LETTER_NAMES, spell
from synthesizer_service.text.english.number_words import cardinal_words, plural_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, after, any_of, before, rule

MAX_WORD_LETTERS = 40  # that are inspected
_SHAPE = re.compile(r"y?([b-df-hj-np-tv-xz]*)[aeiouy].*?([b-df-hj-np-tv-xz]*)$")


def pronounceable(word: str) -> bool:
    """True if lower-case `word` has a vowel and begins and ends like an English word."""
    shape = _SHAPE.match(word[:MAX_WORD_LETTERS])
    if shape is None:
        return False
    first, last = shape.groups()
    if len(last) > 1 and last not in CODAS:
        last = last.removesuffix("s")  # of a plural
    ends_well = len(last) < 2 or last in CODAS
    return ends_well and (len(first) < 2 or first in ONSETS)


def word_or_letters(word: str) -> str:
    """Part of an address or a code, spoken: "test" is a word, "pdf" and "q" are spelled."""
    if said := SAID_AS.get(word) or SAID_AS.get(word.upper()):
        return said
    lower = word.lower()
    spelled = len(lower) == 1 or (lower.upper() in SPELLED and lower.upper() not in SHORT_WORDS)
    unsayable = not pronounceable(lower) if len(lower) < 4 else not re.search("[aeiouy]", lower)
    return spell(lower) if spelled or unsayable else lower


def is_spelled(word: str, lead: str = "", rest: str = "") -> bool:
    """True if `word`, in capitals, is spelled. lead, rest: the text before and after it."""
    if word in ACRONYMS:
        return False
    among_capitals = _in_capitals(lead, rest)
    if word == "US" and lead.endswith("THE "):
        return True
    if word == "AM" and lead.endswith("I "):
        return False
    if word in SPELLED:
        return not (among_capitals and word in AMONG_CAPITALS_WORDS)
    lower = word.lower()
    if word in SHORT_WORDS or lower in INTERJECTIONS:
        return False
    if len(word) <= 3 and not among_capitals:
        return True
    return not pronounceable(lower)


_WORD_BEFORE = re.compile(r"([A-Za-z]+)[^A-Za-z]{1,4}$")
_WORD_AFTER = re.compile(r"[^A-Za-z]{1,4}([A-Za-z]+)")


def _in_capitals(lead: str, rest: str) -> bool:
    """True in a headline: the neighbours are in capitals and at least one is not an initialism."""
    found = (_WORD_BEFORE.search(lead), _WORD_AFTER.match(rest))
    around = [match[1] for match in found if match and len(match[1]) > 1]
    return all(word.isupper() for word in around) and any(map(_is_plain, around))


def _is_plain(word: str) -> bool:
    """True if `word`, in capitals, is an ordinary word."""
    if word in SHORT_WORDS:
        return True
    return len(word) > 3 and word not in SPELLED and pronounceable(word.lower())


def _is_plural(word: str) -> bool:
    """True for TVS and CEOS, not for LAS, ITS and AIDS."""
    if word[-1] != "S" or word[:-1] not in SPELLED or word in SPELLED | ACRONYMS | SHORT_WORDS:
        return False
    return len(word) > 3 or not pronounceable(word.lower())


def _capitals(match: re.Match[str]) -> str:
    """A word in capitals, with a plural or possessive ending."""
    word, ending = match["word"], match["ending"] or ""
    if not ending and _is_plural(word):
        word, ending = word[:-1], "s"  # TVS
    spelled = is_spelled(word, before(match), after(match))
    return (spell(word) if spelled else word) + ending


def _dotted(match: re.Match[str]) -> str:
    """U.S., J.R.R.; "a.m." and "p.m." stay as they are in RTVC."""
    return match[0] if re.fullmatch(r"[AaPp]\.[Mm]\.", match[0]) else spell(match[0])


def _single(match: re.Match[str]) -> str | None:
    """A single letter, as in "plan B"; not the words "a" and "I"."""
    letter, lead, rest = match["letter"], before(match), after(match)
    if letter in "Ii":
        alone = not re.search(r"\w", lead) and not re.search(r"\w", rest)
        alone = alone or re.match(r"/[A-Z]", rest) is not None  # I/O
        return "eye" if alone else letter
    if letter in "Aa":
        return LETTER_NAMES["a"] if _is_letter_a(letter, lead, rest) else letter
    if letter.islower() and (lead.endswith("'") or rest.startswith("'")):
        return None  # rock 'n' roll
    return LETTER_NAMES[letter.lower()]


_OPERATOR = "[<>=≤≥≠≈+*/^]"


def _is_letter_a(letter: str, lead: str, rest: str) -> bool:
    if re.match(f" ?{_OPERATOR}", rest) or re.search(f"{_OPERATOR} ?$", lead):
        return not lead.endswith("w/ ")  # a < b
    if rest.startswith("|"):
        return True  # |a|
    if not re.search(r"\w", lead) and not re.search(r"\w", rest):
        return True  # nothing but "A."
    if letter == "a":
        return rest.startswith("-") or bool(
            re.match(r"\)", rest) and re.search(r"(?:^|\() ?$", lead)
        )
    if not re.match(r" [\"'(]?\w", rest):
        return not re.match(r"['.-]?\w", rest) or rest.startswith("-")
    starts_sentence = re.search(r"(?:^|[.!?:;\"-])[ \"'(-]*$", lead)
    return not starts_sentence and not _in_capitals(lead, rest)


_QUESTION = {"Q": "question:", "A": "answer:"}


def _question(match: re.Match[str]) -> str | None:
    """ "Q:" and "A:" at the start of a line."""
    starts = not re.search(r"\w", before(match)) and not re.search(r" [B-P]: ", after(match))
    return _QUESTION[match["letter"]] if starts else None


def _humps(match: re.Match[str]) -> str | None:
    """ValueError, getUserName, OpenSSL, sRGB"""
    if match[0].startswith(("Mac", "Mc")):
        return None
    parts = _HUMP.findall(match[0])
    known = _CAPITALS_FIRST.fullmatch(match[0])
    if known and (known[1] in SAID_AS or known[1] in ACRONYMS or known[1] in SPELLED):
        parts = [known[1], known[2]]  # JSONschema
    if match["plain"]:
        return " ".join(parts)
    return " ".join(
        SAID_AS.get(part) or (spell(part) if _is_letters(part) else part) for part in parts
    )


def _is_letters(part: str) -> bool:
    """True for the API of "FastAPI" and the s of "sRGB"."""
    return len(part) == 1 or (part.isupper() and is_spelled(part))


def _contraction(match: re.Match[str]) -> str:
    """IT'S, DON'T, THE FBI'S"""
    word = match["word"]
    is_possessive = match["ending"] == "S" and word != "IT"
    if is_possessive and is_spelled(word, before(match), after(match)):
        return f"{spell(word)}'s"
    return match[0]


def _letters(match: re.Match[str]) -> str:
    """p's and q's, Bs"""
    return plural_words(spell(match["letter"]))


def _applied(match: re.Match[str]) -> str:
    """f(x), O(1)"""
    argument = match["argument"]
    said = cardinal_words(argument) if argument.isdecimal() else spell(argument)
    return f"{spell(match['letter'])} of {said}"


_CAPITALS_FIRST = re.compile("([A-Z]{2,8})([a-z]{4,20})")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

SPECIAL_RULES = (
    rule(  # a grade: A+, B-
        r"(?<![A-Za-z0-9])(?P<grade>[A-F])(?P<sign>[+-])(?=[ .,;!?)]|$)",
        lambda match: f"{spell(match['grade'])} {'plus' if match['sign'] == '+' else 'minus'}",
        LETTER,
    ),
    rule(  # AT&T
        r"(?P<letters>[A-Z]{1,3}&[A-Z]{1,3})(?P<plural>s?)(?![A-Za-z0-9])",
        lambda match: " and ".join(map(spell, match["letters"].split("&"))) + match["plural"],
        LETTER,
    ),
    rule(r"(?P<letter>Q|A):(?= (?:[A-Z\"(]|[a-z]{2}))", _question, LETTER),
    rule(
        rf"(?<![A-Za-z0-9])(?:{any_of(' '.join(SAID_AS))})(?![A-Za-z0-9+#]|'[a-z])",
        lambda match: SAID_AS[match[0]],
        LETTER,
        DIGIT,
        SIGN,
    ),
)
RULES = (
    rule(r"(?:[A-Za-z]\.){2,8}(?:[A-Za-z](?![A-Za-z0-9]))?(?![A-Za-z0-9])", _dotted, LETTER),
    rule(  # J. K. Rowling
        r"(?<![A-Za-z0-9'])(?P<letter>[A-Z])\.(?= ?[A-Z]\.| [A-Z][a-z]| [a-z]{3}| @ | \()",
        lambda match: LETTER_NAMES[match["letter"].lower()],
        LETTER,
    ),
    rule(
        r"(?<![A-Za-z0-9'])(?P<letter>[A-Za-z])\((?P<argument>[a-z]|[0-9]{1,4})\)(?![A-Za-z0-9])",
        _applied,
        LETTER,
    ),
    rule(
        r"(?<![A-Za-z0-9'])[A-Za-z](?: [A-Za-z]){2,15}(?![A-Za-z0-9'])",
        lambda match: spell(match[0]),
        LETTER,
    ),
    rule(r"(?<![A-Za-z0-9'])(?P<letter>[A-Za-z])(?![A-Za-z0-9]|'[A-Za-z])", _single, LETTER),
    rule(
        r"(?:(?P<plain>[A-Z]?[a-z]{2,20}(?:[A-Z][a-z]{2,20}){1,6})|[A-Z][a-z]{2,20}[A-Z]{2,5}"
        r"|[A-Z]{2,6}(?:[A-Z][a-z]{3,20}){1,6}"
        r"|[a-z][A-Z]{2,5})(?![A-Za-z0-9])",
        _humps,
        LETTER,
    ),
    rule(r"(?P<word>[A-Z]{1,8})'(?P<ending>S|T|LL|RE|VE|D|M)(?![A-Za-z0-9])", _contraction, LETTER),
    rule(r"(?<![A-Za-z0-9'])(?P<letter>[b-hj-zA-HJ-Z])'s(?![A-Za-z])", _letters, LETTER),
    rule(r"(?<![A-Za-z0-9'])(?P<letter>[BDFGJKLPQRTVWXZ])s(?![A-Za-z])", _letters, LETTER),
    rule(r"(?P<word>[A-Z]{2,6})(?P<ending>'?s)?(?![A-Za-z0-9])", _capitals, LETTER),
    rule(  # html
        r"(?P<word>[b-df-hj-np-tv-xz]{2,5})(?![A-Za-z0-9']|\.[a-z])",
        lambda match: None if match["word"] in INTERJECTIONS else spell(match["word"]),
        LETTER,
    ),
)
