"""Scripts that the synthesizer cannot read.

It reads Latin letters, and names single Greek ones as units and formulas have them. Other scripts
would come out as a romanisation that nobody understands, so they are named and left out.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

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
    """Most of a text is in scripts that cannot be read. The message names them."""


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str | None:
    """The script of one letter, as a reader would call it; None for one that can be read."""
    plain = unicodedata.normalize("NFKC", letter)[:1]
    name = unicodedata.name(plain, "").partition(" ")[0].partition("-")[0]
    if plain.isascii() or not plain.isalpha() or not name or name in _ALWAYS_READ:
        return None
    return _LANGUAGES.get(name, name.capitalize())


def unreadable_letters(text: str) -> Counter[str]:
    """How many letters of each script that cannot be read there are in a text."""
    found: Counter[str] = Counter()
    for word in _unreadable_words(text):
        found.update(script for letter in word[0] if (script := script_of(letter)))
    return found


def require_readable(text: str) -> Counter[str]:
    """How many letters of which scripts will be left out, where they are the lesser part.

    Raises UnreadableScript where they are more than half of all letters.
    """
    found = unreadable_letters(text)
    if 2 * found.total() > sum(map(str.isalpha, text)):
        raise UnreadableScript(
            f"the text is written in {' and '.join(sorted(found))}, which the synthesizer cannot "
            "read; it reads English in Latin letters"
        )
    return found


def without_unreadable(content: SpannedText) -> SpannedText:
    """The text without the words that cannot be read."""
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
    return [word for word in _WORD.finditer(text) if _is_unreadable(word[0])]


def _is_unreadable(word: str) -> bool:
    scripts = [script for letter in word if (script := script_of(letter))]
    if len(word) == 1 and scripts == ["Greek"]:  # a unit or a quantity: µ, π, Ω
        return False
    return 2 * len(scripts) > sum(map(str.isalpha, word))
