"""Bible references: "1 Cor. 13:4-7" -> "first corinthians thirteen, four to seven"."""

import re

from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, any_of, rule

_NUMBERED = {  # books that come in twos or threes
    "Sam": "Samuel",
    "Kgs": "Kings",
    "Chr": "Chronicles",
    "Chron": "Chronicles",
    "Cor": "Corinthians",
    "Thess": "Thessalonians",
    "Tim": "Timothy",
    "Pet": "Peter",
    "Jn": "John",
    "Macc": "Maccabees",
}
_BOOKS = {
    "Gen": "Genesis",
    "Ex": "Exodus",
    "Exod": "Exodus",
    "Lev": "Leviticus",
    "Num": "Numbers",
    "Deut": "Deuteronomy",
    "Josh": "Joshua",
    "Judg": "Judges",
    "Neh": "Nehemiah",
    "Ps": "Psalm",
    "Psa": "Psalm",
    "Prov": "Proverbs",
    "Eccl": "Ecclesiastes",
    "Isa": "Isaiah",
    "Jer": "Jeremiah",
    "Lam": "Lamentations",
    "Ezek": "Ezekiel",
    "Dan": "Daniel",
    "Hos": "Hosea",
    "Mic": "Micah",
    "Zech": "Zechariah",
    "Mal": "Malachi",
    "Matt": "Matthew",
    "Mt": "Matthew",
    "Mk": "Mark",
    "Lk": "Luke",
    "Jn": "John",
    "Rom": "Romans",
    "Gal": "Galatians",
    "Eph": "Ephesians",
    "Phil": "Philippians",
    "Col": "Colossians",
    "Heb": "Hebrews",
    "Jas": "James",
    "Rev": "Revelation",
}
_FULL = "Samuel Kings Chronicles Corinthians Thessalonians Timothy Peter John Maccabees"
_NAMES = " ".join((*_BOOKS, *_BOOKS.values(), "Acts Ruth Ezra Esther Job Joel Amos Jude Luke"))
_ORDER = {"1": "first", "2": "second", "3": "third"}


def _verses(match: re.Match[str]) -> str:
    name, order = match["book"], match["order"]
    book = (_NUMBERED.get(name) if order else None) or _BOOKS.get(name) or name
    words = f"{_ORDER[order]} {book}" if order else book
    words += f" {cardinal_words(match['chapter'])} {cardinal_words(match['verse'])}"
    return f"{words} to {cardinal_words(match['last'])}" if match["last"] else words


_REFERENCE = (
    r" (?P<chapter>[0-9]{1,3}):(?P<verse>[1-9][0-9]{0,2})(?:-(?P<last>[0-9]{1,3}))?"
    r"(?![0-9A-Za-z:]|[ ]?[ap]\.?m\b)"
)
RULES = (
    rule(
        rf"(?P<order>[1-3]) (?P<book>{any_of(' '.join(_NUMBERED))}|{any_of(_FULL)})\.?{_REFERENCE}",
        _verses,
        DIGIT,
    ),
    rule(rf"(?P<order>)(?P<book>{any_of(_NAMES)})\.?{_REFERENCE}", _verses, LETTER),
    rule(r"Pss?\.(?= ?[0-9])", "psalm", LETTER),
    rule(
        rf"(?P<order>)(?P<book>Surah|Sura|Quran|Qur'an|Koran){_REFERENCE}",
        _verses,
        LETTER,
    ),
)
