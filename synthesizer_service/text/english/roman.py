"""Roman numerals after names and words: "Henry VIII", "World War II", "Chapter IV"."""

import re

from synthesizer_service.text.english.number_words import (
    cardinal_words,
    integer_words,
    ordinal_words,
)
from synthesizer_service.text.english.rules import LETTER, SIGN, after, any_of, before, rule

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_CANONICAL = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_RULERS = any_of(
    "Henry Louis Elizabeth Charles George William Edward James Mary Richard John Paul Pius "
    "Benedict Leo Gregory Alexander Napoleon Frederick Friedrich Catherine Philip Peter "
    "Nicholas Ivan Francis Franz Ferdinand Otto Ptolemy Ramses Ramesses Darius Xerxes Urban "
    "Clement Innocent Boniface Victor Harald Haakon Olaf Christian Gustav Gustavus Felipe "
    "Juan Carlos Alfonso Pope Cleopatra Constantine Justinian Theodosius Leopold Maximilian "
    "Wilhelm Umberto Baldwin Robert David Malcolm Stephen Sixtus Julius Callixtus Celestine "
    "Eugene Honorius Adrian Martin Mehmed Murad Selim Suleiman Rama Pedro Sigismund Rudolf "
    "Margaret Margrethe Isabella Artaxerxes Antiochus Thutmose Amenhotep Michael Albert"
)
_COUNTED = any_of(
    "War Wars Bk. bk. Chapter chapter Part part Section section Act act Scene scene Volume volume "
    "Vol. vol. Art. art. Sec. sec. Ch. ch. Pt. pt. Book book Phase phase Type type Level level "
    "Class class Title Article article "
    "Figure figure Fig. fig. Table table Appendix appendix Stage stage Grade grade Episode "
    "Season Bowl Apollo Artemis Saturn Mark Mk Tier tier Division Group group Lesson Unit unit "
    "Step step Round round No. no. Number Schedule Annex Exhibit Factor Quadrant Region Zone "
    "Category category Kingdom Corps Item"
)
_KIND_BEFORE = re.compile(r"\b(?:Type|type|Phase|phase|Stage|stage|Class|Grade|Division|Tier) $")
_PRONOUN_AFTER = re.compile(
    r"'| (?:am|was|had|have|like|love|think|want|need|saw|do|did|will|would|can|could|should|know|"
    r"use|used|prefer|chose|wrote|made)\b"
)
_RULER_BEFORE = re.compile(rf"\b(?:{_RULERS}) $")
_COUNTED_BEFORE = re.compile(rf"\b(?:{_COUNTED}|{_COUNTED.upper()}) $")
_NAME_BEFORE = re.compile(r"\b[A-Z][a-z'-]+ $")
_SURNAME_BEFORE = re.compile(r"\b[A-Z][a-z.]+ (?:[A-Z]\. )?[A-Z][a-z]+,? $")
_AFTER_A_NUMBERED_I = re.compile(
    r"[.,;:!?)]|$|'s\b| (?:of|was|and|or|to|in|had|began|ended|ruled|reigned|with|at|the|for)\b"
)


def value_of(numeral: str) -> int:
    """The value of a Roman numeral; 0 if it is not one."""
    if not numeral or not _CANONICAL.fullmatch(numeral):
        return 0
    values = [_VALUES[letter] for letter in numeral]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )


_TITLE_BEFORE = re.compile(r"\b(?:The|Final|Street|Rocky|Star|Grand) ")
_PERSON_FOLLOWS = re.compile(r"[.,;)']|$| (?:was|is|and|of|said|has|had)\b")
_PAGE_BEFORE = re.compile(
    r"\b(?:pp?\.|pages?|[Ss]cene|[Aa]ct|[Pp]art|[Cc]hapter) (?:[ivxl]{1,8}(?:-| to | and |, ))?$"
)
_SPAN_BEFORE = re.compile(
    rf"\b(?:{_COUNTED}|pp?\.|pages?|Chapters|Parts|Acts|Books) [IVXLivxl]{{1,8}}$"
)


def _numeral(match: re.Match[str]) -> str | None:
    numeral, lead, rest = match[0], before(match), after(match)
    value = str(value_of(numeral))
    if value == "0":
        return None
    if re.match(r" (?:century|centuries|Century)\b", rest):
        return ordinal_words(value)
    if _KIND_BEFORE.search(lead) and not _PRONOUN_AFTER.match(rest):
        return cardinal_words(value)
    if _COUNTED_BEFORE.search(lead):
        return cardinal_words(value) if _numbers(numeral, rest) else None
    if _RULER_BEFORE.search(lead) and not (numeral == "X" and lead.endswith("Malcolm ")):
        return f"the {ordinal_words(value)}" if _numbers(numeral, rest) else None
    if len(numeral) >= 4 and 1500 < int(value) < 2100:
        return integer_words(value)  # MCMXCIX
    if len(numeral) < 2 or int(value) > 39 or numeral in {"XX", "XXX"}:
        return None
    if not lead.strip() and re.match(r"\.? *$|[.:)] [A-Z]", rest):  # a heading
        return cardinal_words(value)
    if re.search(r"[IVX](?:-| and | or | to | & |, )$", lead):
        return cardinal_words(value)
    if not _NAME_BEFORE.search(lead):
        return None
    if lead.endswith("Malcolm "):
        return None
    return f"the {ordinal_words(value)}" if _is_person(value, lead, rest) else cardinal_words(value)


def _is_person(value: str, lead: str, rest: str) -> bool:
    """John Smith III, but not Rocky II."""
    named = int(value) <= 5 and _SURNAME_BEFORE.search(lead) and not _TITLE_BEFORE.search(lead)
    return bool(named and _PERSON_FOLLOWS.match(rest))


def _numbers(numeral: str, rest: str) -> bool:
    """True unless `numeral` is the pronoun "I"."""
    return numeral != "I" or _AFTER_A_NUMBERED_I.match(rest) is not None


def _page(match: re.Match[str]) -> str | None:
    """p. iv, scene ii"""
    value = value_of(match[0].upper())
    return cardinal_words(str(value)) if value and _PAGE_BEFORE.search(before(match)) else None


def _list_number(match: re.Match[str]) -> str | None:
    """ii. Second"""
    return None if before(match).strip() else cardinal_words(str(value_of(match[0].upper())))


def _span(match: re.Match[str]) -> str | None:
    """The dash of chapters IV-VI."""
    return "to" if _SPAN_BEFORE.search(before(match)) else None


def _world_war(match: re.Match[str]) -> str:
    """WW I, W.W. II"""
    return f"world war {cardinal_words(str(len(match[1])))}"


RULES = (
    rule(r"W\.?W\.? ?(I{1,2})(?![A-Za-z0-9])", _world_war, LETTER),
    rule(r"(?:i{1,3}|iv|vi{0,3}|ix)(?=[.)] [A-Z])", _list_number, LETTER),
    rule(  # XIXth
        r"([IVX]{1,6})(?:st|nd|rd|th)(?![A-Za-z0-9])",
        lambda match: ordinal_words(str(value_of(match[1]))) if value_of(match[1]) else None,
        LETTER,
    ),
    rule(r"-(?=[IVXLivxl]{1,8}(?![A-Za-z0-9]))", _span, SIGN),
    rule(r"[IVXLCDM]{1,15}(?![A-Za-z0-9])", _numeral, LETTER),
    rule(r"[ivxl]{1,8}(?![A-Za-z0-9])", _page, LETTER),
)
