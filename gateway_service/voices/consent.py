"""Consent to a cloned voice: the statement of who gave it and for what."""

import unicodedata

from shared.http.errors import InvalidRequest

MAX_CONSENT_CHARACTERS = 2000
MIN_CONSENT_LETTERS = 2
"""In any script: two Chinese characters can be enough."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Hangul fillers, which Unicode classes as letters."""


def require_consent(text: str | None) -> None:
    """Raises InvalidRequest for a text that is too long, or has no visible words."""
    if text and len(text) > MAX_CONSENT_CHARACTERS:
        raise InvalidRequest(
            f"consent: has {len(text)} characters, the limit is {MAX_CONSENT_CHARACTERS}; "
            "send a shorter one",
            param="consent",
            code="string_too_long",
        )
    if not text or not text.strip():
        raise _invalid("is missing; send a text that names who allowed this voice to be cloned")
    if sum(map(_is_visible_letter, text)) < MIN_CONSENT_LETTERS:
        raise _invalid("has no words; name who allowed this voice to be cloned, and for what")


def _is_visible_letter(character: str) -> bool:
    return unicodedata.category(character).startswith("L") and character not in _BLANK_LETTERS


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"consent: {problem}", param="consent")
