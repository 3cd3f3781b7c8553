"""Abbreviations: titles, company forms, streets, Latin, and words before numbers.

Titles with a dot are expanded in any case, as in RTVC ("3rd St." is "third saint"). Without a dot,
only unambiguous titles are expanded; titles that are also words ("gen", "hon", "rev") need a
capital and a name after them.
"""

import re

from synthesizer_service.text.english.abbreviation_words import (
    BEFORE_A_NAME,
    DIRECTIONS,
    DOTTED,
    FULL,
    NEED_A_NUMBER,
    PLAIN,
    STATE_ABBREVIATIONS,
    STATES,
    STREETS,
    TITLES,
)
from synthesizer_service.text.english.chat_words import CHAT_WORDS
from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import (
    DIGIT,
    LETTER,
    SIGN,
    after,
    any_of,
    before,
    listed,
    rule,
)

_NAME = re.compile(r" (?!Alpha\b|Beta\b)[A-Z][a-z]")  # Gen Alpha is no general


def _title(match: re.Match[str]) -> str | None:
    word, rest = match["word"], after(match)
    lower = word.lower()
    if match["dot"]:
        return None if re.match("[a-z0-9]", rest) else FULL[lower]
    if word.isupper() or rest[:1] in {".", "-"}:
        return None  # DR Congo, JR East, Co-op
    if lower in TITLES:
        return TITLES[lower] if word.istitle() or lower in {"mr", "mrs", "dr", "sgt"} else None
    named = lower in BEFORE_A_NAME and word.istitle() and _NAME.match(rest)
    return BEFORE_A_NAME[lower] if named else None


def _street(match: re.Match[str]) -> str | None:
    """ "Baker St" and "42nd St" are streets. At the end, "on 3rd St." is RTVC's "third saint"."""
    lead, rest = before(match), after(match)
    if _NAME.match(rest) and not re.search(r"[0-9]+ [A-Z][a-z]+ $", lead):
        return None
    numbered = re.search(r"[0-9](?:st|nd|rd|th) $", lead)
    if lead.endswith("on 3rd ") and match["dot"] and not rest.strip():
        return "saint"
    return "street" if numbered or re.search(r"\b[A-Z][a-z']+ $", lead) else None


def _drive(match: re.Match[str]) -> str | None:
    """ "Dr." after a street name, which a house number may precede."""
    addressed = re.search(r"\b[0-9]+ (?:[NSEW]\.? )?[A-Z][a-z]+ $", before(match))
    ends = re.search(r"\b[A-Z][a-z]+ $", before(match)) and re.match(r"[,;)]|$", after(match))
    return "drive" if (addressed or ends) and not _NAME.match(after(match)) else None


def _place(match: re.Match[str]) -> str | None:
    """ "Park Pl." and "4 Elm Ct", not "Pl. 5"."""
    named = re.search(r"\b[A-Z][a-z]+ $", before(match)) and not re.match(" ?[0-9]", after(match))
    return {"Pl": "place", "Ct": "court"}[match["kind"]] if named else None


def _direction(match: re.Match[str]) -> str:
    return DIRECTIONS[match["to"]]


_HEADING_BEFORE = re.compile(
    r"\b(?:[Ww]inds?(?: from)?(?: the)?|[Hh]ead(?:ing|ed)?|mi\.?|miles|km"
    r"|(?:I|US|SR|Rte?\.?|Route|Hwy\.?|Highway)[- ][0-9]{1,3}) $"
)


def _heading(match: re.Match[str]) -> str | None:
    """I-95 N, wind NW 10 mph"""
    return _direction(match) if _HEADING_BEFORE.search(before(match)) else None


def _road(match: re.Match[str]) -> str | None:
    """Rt. 9W"""
    if not re.search(r"\b(?:Rt\.?|Rte\.?|Route|Hwy\.?|Highway|US|SR) $", before(match)):
        return None
    return f"{cardinal_words(match['road'])} {_direction(match)}"


def _event(match: re.Match[str]) -> str | None:
    """(r. 1774-92; d. 21 Jan. 1793)"""
    stated = re.search(r"[(,;)] ?$", before(match))
    return {"b": "born", "d": "died", "r": "reigned"}[match["event"]] if stated else None


_PERSON_BEFORE = re.compile(
    r"\b(?:[A-Z]\.|James|John|Robert|Michael|William|David|Richard|Joseph|Thomas|Charles|Daniel|"
    r"Matthew|Anthony|Mark|Steven|Stephen|Paul|Andrew|Peter|Kevin|Brian|George|Edward|Alan|Eric|"
    r"Mary|Patricia|Jennifer|Linda|Elizabeth|Barbara|Susan|Jessica|Sarah|Karen|Lisa|Nancy|Emily|"
    r"Anna|Jane|Anne|Laura|Amy|Rachel|Maria) [A-Z][A-Za-z'-]+, $"
)


def _company(match: re.Match[str]) -> str | None:
    followed = re.match(r"[.-]| (?!Ltd|Inc|Plc|LLC)[A-Z]", after(match))
    named = re.search(r"(?:\b[A-Z][a-z]*|&) $", before(match))
    return "company" if named and not followed else None


def _state(match: re.Match[str]) -> str | None:
    if match[0] in {"MD", "PA", "MA"} and (
        _PERSON_BEFORE.search(before(match)) or re.match(", (?:PhD|MPH|MBA|MS|RN)", after(match))
    ):
        return None  # a degree
    return STATES[match[0]] if re.search(r"[A-Z][A-Za-z]+, $", before(match)) else None


_STREET_BEFORE = re.compile(rf"[A-Z0-9][a-z]+ (?:{any_of(STREETS)})\.?,? $")

# Abbreviations that are also words and may end a sentence.
_MAYBE_WORDS = frozenset(listed("min max ed temp sec ca est ref med sm"))
_LOWER_CASE_ONLY = frozenset(listed("mo wk sm med"))  # Mo is a name


def _dotted(match: re.Match[str]) -> str | None:
    lower, lead, rest = match["word"].lower(), before(match), after(match)
    if lower in _LOWER_CASE_ONLY and not match["word"].islower():
        return None
    if match["word"] in {"Est", "EST"} and re.match(r" ?[0-9]", rest):
        return "established"
    if match["word"] in {"Dep", "Arr"} and re.search(r"[a-z]", lead):
        return None
    if lower == "v":
        return "versus" if re.search(r"[A-Z][\w.]* $", lead) and _NAME.match(rest) else None
    ends_sentence = not rest.strip(" \"')") or re.match(r" [\"']?[A-Z]", rest)
    return None if lower in _MAYBE_WORDS and ends_sentence else DOTTED[lower]


def _match(match: re.Match[str]) -> str | None:
    """Man City v Arsenal"""
    return "versus" if re.search(r"\b[A-Z][a-z.]+ $", before(match)) else None


def _reporter(match: re.Match[str]) -> str:
    """A series of law reports: "F. Supp. 2d"."""
    letters = spell(match["reporter"].removesuffix("Supp."))
    supplement = " supplement" if "Supp" in match["reporter"] else ""
    return f"{letters}{supplement} {'second' if match['series'] == '2d' else 'third'}"


_REGISTERED = {  # before "No."
    "Cat": "catalog",
    "Cert": "certificate",
    "Inv": "invoice",
    "Lic": "license",
    "Pat": "patent",
    "Reg": "registration",
    "Ser": "serial",
}

_UNDOTTED = {**PLAIN, **CHAT_WORDS}
RULES = (
    rule(r"Fed\. ?R\. ?Civ\. ?P\.", "federal rule of civil procedure", LETTER),
    rule(r"Fed\. ?R\. ?Crim\. ?P\.", "federal rule of criminal procedure", LETTER),
    rule(  # 123 F.3d 456
        r"(?<=[0-9] )(?P<reporter>[A-Z]\.(?: ?[A-Z]\.)?(?: Supp\.)?) ?(?P<series>[23]d)(?= [0-9])",
        _reporter,
        LETTER,
    ),
    rule(r"(?<=[0-9](?:st|nd|rd|th) )ed\.", "edition", LETTER),
    rule(r"(?<=[0-9](?:st|nd|rd|th) )[cC]\.", "century", LETTER),
    rule(  # 1600 Pennsylvania Ave NW
        r"(?P<to>[NS][EW]|[NSEW])(?![A-Za-z0-9'.])",
        lambda match: _direction(match) if _STREET_BEFORE.search(before(match)) else None,
        LETTER,
    ),
    rule(r"(?P<to>[NS][EW]|[NSEW])(?:\.(?= of\b)|(?=\.$)|(?![A-Za-z0-9'.-]))", _heading, LETTER),
    rule(r"(?P<road>[0-9]{1,3})(?P<to>[NSEW])(?![A-Za-z0-9])", _road),
    rule(r"ca(?= [0-9]{3,4}(?![0-9]))", "circa", LETTER),
    rule(r"App\.(?= [A-Z0-9](?![A-Za-z]))", "appendix", LETTER),
    rule(
        r"(?P<word>Sens|Govs|Profs)\.",
        lambda match: f"{BEFORE_A_NAME.get(match['word'][:-1].lower(), 'professor')}s",
        LETTER,
    ),
    rule(r"(?P<to>[NS][EW])(?= of [A-Z])", _direction, LETTER),
    rule(
        r"(?P<word>Art|Bk|Ch|Pt|Sec|Vol)\.(?= I[,;:)])",
        lambda match: NEED_A_NUMBER[match["word"].lower()],
        LETTER,
    ),
    rule(r"e\.g\.(?=[a-z])", "for example", LETTER),
    rule(r"i\.e\.(?=[a-z])", "that is", LETTER),
    rule(r"inc\.(?= (?:VAT|GST|[a-z]))", "including", LETTER),
    rule(r"Sec\.-Gen\.", "secretary general", LETTER),
    rule(
        r"(?P<event>[bdr])\.(?= ?(?:c\. ?)?[0-9]{3,4}(?![0-9])| [0-9]{1,2} [A-Z])", _event, LETTER
    ),
    rule(r"Adm\.(?=:? ?[$€£])", "admission", LETTER),
    rule(r"[Nn]°(?= ?[0-9])", "number", LETTER),
    rule(r"(?P<kind>Pl|Ct)(?:\.|(?![A-Za-z0-9]))", _place, LETTER),
    rule(r"(?<=[0-9] )ed\.(?=[),;])", "edition", LETTER),  # 2026 ed.
    rule(r"(?<=[(,])[Rr]et\.(?=\))|(?<=, )[Rr]et\.(?=[,;)]|$)", "retired", LETTER),
    rule(r"Rt\.? Hon\.", "right honorable", LETTER),
    rule(
        rf"(?P<word>{'|'.join(_REGISTERED)})\.(?= [Nn]o\b)",
        lambda match: _REGISTERED[match["word"]],
        LETTER,
    ),
    rule(r"conf\.(?= (?:code|no\.|number|#))", "confirmation", LETTER),
    rule(r"(?<=[a-z] )no\.(?=:)", "number", LETTER),  # Tracking no.: 1Z
    rule(r"(?<=[A-Za-z] )incl\.(?=[),;.]|$)", "included", LETTER),
    rule(r"op\. cit\.", "in the work cited", LETTER),
    rule(r"Fed\. ?R\. ?Evid\.", "federal rule of evidence", LETTER),
    rule(r"Fed\. ?R\. ?App\. ?P\.", "federal rule of appellate procedure", LETTER),
    rule(
        r"Pt\.(?= (?:is|was|has|had|denies|reports|presents|states|complains)\b)", "patient", LETTER
    ),
    rule(r"\(s\)he\b", "he or she", SIGN),
    rule(r"INT(?:\./EXT)?\.(?= [A-Z]{2})", "interior", LETTER),  # of a film's scene
    rule(r"EXT\.(?= [A-Z]{2})", "exterior", LETTER),
    rule(r"V\.O\.(?=\))", "voice over", LETTER),
    rule(r"O\.S\.(?=\))", "off screen", LETTER),
    rule(r"CONT'D(?=\))", "continued", LETTER),
    rule(r"ext(?= [0-9])", "extension", LETTER),
    rule(
        r"(?P<to>[NSEW])\.(?= (?:Korea|Carolina|Dakota|America|Africa|Ireland|Virginia|Asia)\b)",
        _direction,
        LETTER,
    ),
    rule(r"Rm(?= [0-9])", "room", LETTER),
    rule(r"[Nn]o\.(?= of\b)", "number", LETTER),
    rule(r"(?<=[0-9] )lg(?= [a-z])", "large", LETTER),
    rule(r"[Rr]ev\.(?=:? ?[$€£+-]{1,2}[0-9]| ?[0-9])", "revenue", LETTER),
    rule(r"(?<=[0-9] )ea(?![A-Za-z.])", "each", LETTER),
    rule(r"Ex\.(?= [A-Z0-9](?![A-Za-z]))", "exhibit", LETTER),
    rule(r"Pub\. ?L\.", "public law", LETTER),
    rule(r"(?<=[0-9] )Stat\.(?= [0-9])", "statutes", LETTER),
    rule(r"(?<=[a-z] )v(?= [A-Z][a-z])", _match, LETTER),
    rule(r"et al(?:\.|(?![A-Za-z]))", "and others", LETTER),
    rule(  # 123 N. Main St.
        rf"(?<=[0-9] )(?P<to>[NSEW]|[NS][EW])\.?(?= [A-Z][a-z]{{1,20}} (?:{any_of(STREETS)})\b)",
        _direction,
        LETTER,
    ),
    rule(  # N. 5th Ave., on S. Main St.
        r"(?P<to>[NSEW])\.(?= (?:[0-9]{1,3}(?:st|nd|rd|th)|[A-Z][a-z]{1,20})"
        rf" (?:{any_of(STREETS)})\b)",
        _direction,
        LETTER,
    ),
    rule(  # 350 W 42nd St
        r"(?<=[0-9] )(?P<to>[NSEW]|[NS][EW])\.?(?= [0-9]{1,3}(?:st|nd|rd|th)\b)",
        _direction,
        LETTER,
    ),
    rule(r"(?<=[0-9](?:st|nd|rd|th) )[Ff]l(?:\.|(?![A-Za-z]))", "floor", LETTER),
    rule(
        rf"(?:{'|'.join(STATES)})(?= [0-9]{{5}}(?![0-9]))", lambda match: STATES[match[0]], LETTER
    ),
    rule(rf"(?<=, )(?:{'|'.join(STATES)})(?= [0-9]{{5}}|[.,;)]| ?$| --)", _state, LETTER),
    rule(
        rf"(?<=, )(?P<state>{any_of(' '.join(STATE_ABBREVIATIONS))})\.",
        lambda match: STATE_ABBREVIATIONS[match["state"]],
        LETTER,
    ),
    rule(
        rf"(?![PCL]\.)(?P<word>(?i:{any_of(' '.join(NEED_A_NUMBER))}))\."
        r"(?= ?(?:[0-9#]|[(\[][0-9]|[A-Z]{1,6}-?[0-9]"
        r"|(?![Ii]\b)(?:[IVXL]{1,9}|[ivxl]{1,9})\b))",
        lambda match: NEED_A_NUMBER[match["word"].lower()],
        LETTER,
    ),
    rule(r"St(?P<dot>\.)?(?![A-Za-z0-9.-])", _street, LETTER),
    rule(r"Dr(?:\.|(?![A-Za-z]))", _drive, LETTER),
    rule(r"Co(?![A-Za-z])", _company, LETTER),
    rule(
        rf"(?P<word>(?i:{any_of(' '.join(FULL))}))(?:(?P<dot>\.)|(?![A-Za-z0-9']))", _title, LETTER
    ),
    rule(rf"(?P<word>(?i:{any_of(' '.join(DOTTED))}))\.(?![A-Za-z0-9])", _dotted, LETTER),
    rule(r"w/(?=[ A-Za-z])(?!o\b|in\b|e\b)", "with", LETTER),
    rule(
        rf"(?<![A-Za-z0-9/\\])(?:{any_of(' '.join(_UNDOTTED))})(?![A-Za-z0-9'/-])",
        lambda match: _UNDOTTED[match[0]],
        LETTER,
        DIGIT,
    ),
)
