"""Transliteration of any Unicode text to ASCII, except signs that the rules read."""

import re
import unicodedata

from unidecode import unidecode

from shared.text.faces import without_faces
from synthesizer_service.text.english.numbers import GROUP_SPACE
from synthesizer_service.text.english.phonetics import without_transcriptions
from synthesizer_service.text.english.rules import listed

_GREEK_NAMES = listed(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega"
)
GREEK = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK_NAMES, strict=True))
CURRENCY_SIGNS = "$€£¥₩¢₹₽₺₫฿₪₱₴₦₿"
_KEPT = frozenset(f"•·©›°µΩ±×÷−≤≥≠≈√∞∑∫∈∉∀∃∂∅∪∩⊂⊆∴∠⊥∥≡∝∧∨∇→⇔↔★☆§¶‰{CURRENCY_SIGNS}")

# Signs that Unidecode would turn into something else: μ into "m", ° into "deg".
_REPLACED = {
    "μ": "µ",
    "\u2126": "Ω",
    "℃": "°C",
    "℉": "°F",
    "º": "°",
    "＄": "$",
    "￡": "£",
    "￥": "¥",
    "￦": "₩",
    "￠": "¢",
    "≦": "≤",
    "≧": "≥",
    "⩽": "≤",
    "⩾": "≥",
    "≃": "≈",
    "≅": "≈",
    "⇒": "→",
    "⭐": "★",
    "∆": "δ",
    "△": " triangle ",
    "⌀": " diameter ",
    "⌘": " command ",
    "⌥": " option ",
    "⇧": " shift ",
    "➜": "→",
    "№": "#",
    "¿": "",
    "¡": "",
    "„": '"',
    "‚": "'",
    "¬": "not ",
    "♭": " flat",
    "♯": " sharp",
    "⁄": "/",
    "`": "'",
    "′": "'",
    "″": '"',
    "—": " -- ",  # an option of a command is --verbose
    "ə": "uh",
    "ʻ": "'",
    "ʼ": "'",
    "ʿ": "",
    "ʾ": "",
    "†": "",
    "‡": "",
    "™": "",
    "®": "",
    "℠": "",
}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n", strict=True))
_THIN_SPACES = "\u00a0\u2007\u2009\u202f"


_GROUPED = re.compile(rf"(?<=[0-9])[{_THIN_SPACES}](?=[0-9]{{3}}(?![0-9]))")
_TERMINAL_COLORS = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_DRAWN = re.compile("[\u2190\u2191\u2193-\u21d1\u21d3-\u21ff\u2500-\u25ff]")
"""Arrows but the one to the right, lines, blocks and geometric shapes."""
_CIRCLED = re.compile("[\u2460-\u249b\u2776-\u2793]")  # numbers
_HELP_MARK = re.compile(r"(?<=\s)ⓘ(?![^\s,;.)])")  # of Wikipedia's sound files
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")


def transliterate(source: str) -> tuple[str, list[int]]:
    """Transliterate, and return the index of the source character of each character.

    The result holds ASCII, single `GREEK` letters, `_KEPT` signs and `GROUP_SPACE`. Blanks and
    pictographs become spaces; characters without a reading are dropped.
    """
    source = _HELP_MARK.sub(" ", source)
    source = without_faces(without_transcriptions(source))
    source = _GROUPED.sub("\ue000", source)
    source = _TERMINAL_COLORS.sub(lambda code: " " * len(code[0]), source)
    text: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(source):
        written = _written(source, index, character)
        text.append(written)
        origins += [index] * len(written)
    return "".join(text), origins


def _written(source: str, index: int, character: str) -> str:
    if character == "\ue000":
        return GROUP_SPACE
    if _BLANK.match(character):
        return " "
    if character in "Åå\u212b" and _MEASURED.search(source[max(0, index - 2) : index]):
        return "angstroms"
    if character in "❤♥" and _LOVER.search(source[max(0, index - 5) : index]):
        return "love"
    if character in _SUITS:
        return " "
    if character == "Ø" and source[index + 1 : index + 3].strip().isdecimal():
        return "diameter "
    if character in _REPLACED:
        return _REPLACED[character]
    if character in _INVISIBLE:
        return ""
    if character.isascii() or character in _KEPT:
        return character
    if _DRAWN.match(character):
        return " "
    if character in _SUPERSCRIPTS:
        raised = index > 0 and source[index - 1] in _SUPERSCRIPTS
        return ("" if raised else "^") + _SUPERSCRIPTS[character]
    if character.lower() in GREEK and _stands_alone(source, index):
        return character.lower()
    if unicodedata.category(character) == "Cs":
        return ""  # a lone surrogate
    plain = _BLANK.sub(" ", unidecode(character))
    if not plain and unicodedata.category(character)[0] in "SC":
        return " "
    if _CIRCLED.match(character):
        return f" {plain.strip('().')} "
    if unicodedata.category(character) == "No" and "/" in plain:  # ½
        digit_before = index > 0 and source[index - 1].isdigit()
        return " " * digit_before + plain.strip()
    return plain


_LOVER = re.compile(r"(?<![A-Za-z])(?:I|[Ww]e|[Yy]ou|[Tt]hey) ?$")
_SUITS = frozenset("♠♡♢♣♤♥♦♧")
_MEASURED = re.compile("[0-9] ?$")
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")


def _stands_alone(source: str, index: int) -> bool:
    around = source[max(0, index - 1) : index] + source[index + 1 : index + 2]
    return not any("\u0370" <= neighbour <= "\u03ff" for neighbour in around)
