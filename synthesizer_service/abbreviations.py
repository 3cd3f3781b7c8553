"""Titles and company forms in full, with the dot and without: "Dr. Smith", "Dr Smith".

With the dot, all that RTVC expands, in any case ("3rd St." is its "third saint"). Without the dot,
only where nothing else is meant: titles that are no English word, and those that are ("gen", "hon",
"rev") only when capitalised and before a name.
"""

import re

_ALWAYS = {
    "mrs": "misess",  # RTVC's spelling, which its checkpoints have learned
    "mr": "mister",
    "drs": "doctors",
    "dr": "doctor",
    "jr": "junior",
    "sgt": "sergeant",
    "capt": "captain",
    "esq": "esquire",
    "ltd": "limited",
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
}
_FULL = {**_ALWAYS, **_BEFORE_A_NAME, "co": "company"}

_ABBREVIATION = re.compile(
    r"(?<![0-9] (?=[Ff]t\b))"  # 6 ft. is a length
    rf"\b(?P<word>(?i:{'|'.join(_FULL)}))\b"
    r"(?:(?P<dot>\.)(?![a-z0-9])(?=(?P<glued>[A-Z])?)|(?![.-]))"  # neither example.co.uk nor Co-op
    r"(?=(?P<name> (?!Alpha\b|Beta\b)[A-Z][a-z])?)"  # Gen Alpha is no general
)
_STREET = re.compile(r"\b([A-Z][a-z]++) St(?:\.|\b(?![.-]))(?! [A-Z][a-z])")
_NUMBERED_STREET = re.compile(r"(?<=[0-9](?:st|nd|rd|th)) St\b(?![.-]| [A-Z][a-z])")
_COMPANY = re.compile(r"(\b[A-Z][a-z]*+|&) Co\b(?![.-]| (?!Ltd|Inc|Plc|LLC)[A-Z])")
_NUMBER = re.compile(r"\bNo\. ?(?=[0-9])")


def expand_abbreviations(text: str) -> str:
    """ASCII `text` in its own case, single-spaced; the abbreviations in lower-case full words."""
    text = _NUMBER.sub("number ", text)
    text = _STREET.sub(r"\1 street", text)
    text = _NUMBERED_STREET.sub(" street", text)
    text = _COMPANY.sub(r"\1 company", text)
    return _ABBREVIATION.sub(_expanded, text)


def _expanded(match: re.Match[str]) -> str:
    word = match["word"]
    full = _FULL[word.lower()]
    if match["dot"]:
        return f"{full} " if match["glued"] is not None else full
    if word.isupper():
        return word  # DR Congo, JR East
    if word.lower() in _ALWAYS:
        return full
    if word.lower() in _BEFORE_A_NAME and word.istitle() and match["name"]:
        return full
    return word
