"""Scripts that the synthesizer cannot read.

It reads Latin letters, and single Greek letters as in units and formulas. A romanisation of other
scripts would be unintelligible, so words in them are left out and their script is reported.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from shared.text.faces import without_faces
from shared.text.spans import Run, SpannedText

_LANGUAGES = {
    "HANGUL": "Hangul (Korean)",
    "CJK": "Han (Chinese characters, kanji)",
    "HIRAGANA": "Hiragana (Japanese)",
    "KATAKANA": "Katakana (Japanese)",
    "DEVANAGARI": "Devanagari (Hindi)",
}
_WORD = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f\u0900-\u0dff\u200c\u200d]*[^\W\d_]+)*")
_ALWAYS_READ = frozenset({"LATIN", "MODIFIER", "KELVIN", "ANGSTROM", "OHM"})


class UnreadableScript(ValueError):
    """Most of a text is in unreadable scripts, which the message names."""


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str | None:
    """The common name of a letter's script, or None if it can be read."""
    plain = unicodedata.normalize("NFKC", letter)[:1]
    name = unicodedata.name(plain, "").partition(" ")[0].partition("-")[0]
    if plain.isascii() or not plain.isalpha() or not name or name in _ALWAYS_READ:
        return None
    return _LANGUAGES.get(name, name.capitalize())


def unreadable_letters(text: str) -> Counter[str]:
    """Number of letters in each unreadable script."""
    found: Counter[str] = Counter()
    for word in _unreadable_words(text):
        found.update(script for letter in word[0] if (script := script_of(letter)))
    return found


def require_readable(text: str) -> Counter[str]:
    """Number of letters in each unreadable script, which will be left out.

    Raises UnreadableScript if they are more than half of all letters.
    """
    found = unreadable_letters(text)
    if 2 * found.total() > sum(map(str.isalpha, text)):
        raise UnreadableScript(
            f"the text is written in {' and '.join(sorted(found))}, which the synthesizer cannot "
            "read; it reads English in Latin letters"
        )
    return found


def hide_unreadable(text: str) -> str:
    """The text with spaces for words in unreadable scripts, of the same length.

    Raises UnreadableScript if they have more than half of all letters.
    """
    require_readable(text)
    for word in _unreadable_words(text):
        text = text[: word.start()] + " " * len(word[0]) + text[word.end() :]
    return text


def without_unreadable(content: SpannedText) -> SpannedText:
    """The text without words in unreadable scripts."""
    if content.text.isascii():
        return content
    runs, at = list[Run](), 0
    for word in _unreadable_words(content.text):
        runs += content.cut(at, word.start())
        at = word.end()
    return SpannedText([*runs, *content.cut(at, len(content.text))]) if at else content


def _unreadable_words(text: str) -> list[re.Match[str]]:
    if text.isascii():
        return []
    words = _WORD.finditer(without_faces(text))
    return [word for word in words if _is_unreadable(word[0])]


def _is_unreadable(word: str) -> bool:
    scripts = [script for letter in word if (script := script_of(letter))]
    letters = sum(map(str.isalpha, word))
    if letters == 1 and scripts == ["Greek"]:  # a unit or a quantity: µ, π, χ²
        return False
    return 2 * len(scripts) > letters
