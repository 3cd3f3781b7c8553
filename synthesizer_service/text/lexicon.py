"""Lexicon: respellings of words, which take precedence over every rule."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from shared.text.lexicon import (
    MAX_ENTRIES,
    MAX_RESPELLING_CHARACTERS,
    MAX_WORD_CHARACTERS,
    RESPELLING,
)

_RESPELLING = re.compile(RESPELLING)


class LexiconError(ValueError):
    """An invalid lexicon. The message names the entry, the problem and the remedy."""


class Lexicon:
    """Finds the longest entry at a position of a text, in whole words.

    Lower-case keys match any case. A key with a capital letter matches that spelling only.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        """Raises LexiconError for an invalid entry and for anything but a mapping."""
        if not isinstance(entries, Mapping):
            raise LexiconError('must be an object such as {"Nguyen": "win"}')
        if len(entries) > MAX_ENTRIES:
            raise LexiconError(
                f"has {len(entries)} entries, at most {MAX_ENTRIES} are allowed; remove some"
            )
        self._exact: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        for word, respelling in entries.items():
            _check(word, respelling)
            key = " ".join(word.split())
            if key == key.lower():
                self._folded[key] = respelling
            else:
                self._exact[key] = respelling
        keys = {*self._exact, *self._folded}
        self._lengths = sorted({len(key) for key in keys}, reverse=True)
        self._firsts = frozenset(key[0].lower() for key in keys)

    def __or__(self, other: "Lexicon") -> "Lexicon":
        """Both lexicons; entries of `other` take precedence."""
        if not other:
            return self
        both = Lexicon({})
        both._exact = self._exact | other._exact
        both._folded = self._folded | other._folded
        both._lengths = sorted({*self._lengths, *other._lengths}, reverse=True)
        both._firsts = self._firsts | other._firsts
        return both

    def __bool__(self) -> bool:
        return bool(self._lengths)

    def match(self, text: str, at: int) -> tuple[int, str] | None:
        """End and respelling of the longest entry that starts at `at`."""
        if text[at].lower() not in self._firsts or (at and text[at - 1 : at + 1].isalnum()):
            return None
        for length in self._lengths:
            end = at + length
            written = text[at:end]
            if len(written) < length or _goes_on(text, end):
                continue
            respelling = self._exact.get(written) or self._folded.get(written.lower())
            if respelling is not None:
                return end, respelling.lower()
        return None


NO_LEXICON = Lexicon({})


def _goes_on(text: str, end: int) -> bool:
    """True if `end` is inside a word."""
    return text[end - 1].isalnum() and text[end : end + 1].isalnum()


def read_lexicon(path: Path) -> Lexicon:
    """Read a JSON file. Raises LexiconError, which names the file."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LexiconError(f"{path} cannot be read as JSON: {error}") from None
    try:
        return Lexicon(entries)
    except LexiconError as error:
        raise LexiconError(f"{path}: {error}") from None


def _check(word: str, respelling: object) -> None:
    if len(word) > MAX_WORD_CHARACTERS or not word.strip():
        raise LexiconError(
            f"the word {word[:20]!r} must have 1 to {MAX_WORD_CHARACTERS} characters"
        )
    if not word.isascii():
        raise LexiconError(f"the word {word[:20]!r} must be written in ASCII letters")
    fits = isinstance(respelling, str) and len(respelling) <= MAX_RESPELLING_CHARACTERS
    if not fits or not _RESPELLING.fullmatch(str(respelling)):
        raise LexiconError(
            f"the respelling of {word[:20]!r} must be 1 to {MAX_RESPELLING_CHARACTERS} letters, "
            "with spaces, hyphens and apostrophes between them"
        )
