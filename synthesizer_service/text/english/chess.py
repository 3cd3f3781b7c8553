"""Chess moves: "1. e4 e5 2. Nf3" -> "one, ee four ee five two, knight eff three"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, after, rule

_PIECES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight"}
_SQUARE = "[a-h][1-8]"
_MOVE = (
    rf"(?:[KQRBN][a-h]?[1-8]?x?{_SQUARE}|[a-h]x{_SQUARE}(?:=[QRBN])?|{_SQUARE}=[QRBN]|O-O(?:-O)?)"
    r"[+#]?(?![A-Za-z0-9+-])"
)
_PARTS = re.compile(r"O-O-O|O-O|[A-Za-z0-9]|[=+#]")
_SAID = {
    "O-O": "castles kingside",
    "O-O-O": "castles queenside",
    "x": "takes",
    "=": "promotes to",
    "+": ", check",
    "#": ", mate",
}
_NUMBER_AFTER = re.compile(rf" [1-9][0-9]?\.{{1,3}} ?(?:{_MOVE}|{_SQUARE})")


def _move(match: re.Match[str]) -> str:
    said = [
        _SAID.get(part) or _PIECES.get(part) or spell(part) for part in _PARTS.findall(match[0])
    ]
    comma = "," if _NUMBER_AFTER.match(after(match)) else ""
    return " ".join(said).replace(" ,", ",") + comma


def _square(match: re.Match[str]) -> str | None:
    return f"{spell(match[0])}," if _NUMBER_AFTER.match(after(match)) else None


def _number(match: re.Match[str]) -> str:
    return f"{cardinal_words(match['number'])},"


RULES = (
    rule(rf"(?<![A-Za-z0-9-]){_MOVE}", _move, LETTER),
    rule(rf"{_SQUARE}(?= [1-9][0-9]?\.)", _square, LETTER),
    rule(
        rf"(?<![0-9.])(?P<number>[1-9][0-9]?)\.(?:\.\.)? ?(?=(?:{_MOVE}|{_SQUARE}(?![A-Za-z0-9])))",
        _number,
        DIGIT,
    ),
)
