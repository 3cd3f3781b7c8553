"""Text to the symbol ids that the synthesizer reads: the alphabet of RTVC, in its order."""

from collections.abc import Iterable

from synthesizer_service.cleaners import PUNCTUATION, normalize

__all__ = ["END_ID", "PAD_ID", "SYMBOLS", "ids_to_text", "normalize", "speakable", "text_to_ids"]

_PAD, _END = "_", "~"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

SYMBOLS: tuple[str, ...] = (_PAD, _END, *_LETTERS, *PUNCTUATION)

_ID_OF = {symbol: index for index, symbol in enumerate(SYMBOLS)}
PAD_ID = _ID_OF[_PAD]
END_ID = _ID_OF[_END]
_LETTER_IDS = frozenset(_ID_OF[letter] for letter in _LETTERS)


def text_to_ids(text: str) -> list[int]:
    """The ids of `normalize(text)`, then END_ID; a text that leaves nothing gives [END_ID].

    Ids are 2..65: PAD_ID is never among them. Takes any Unicode text; what has no reading is
    dropped.
    """
    return [*(_ID_OF[symbol] for symbol in normalize(text)), END_ID]


def ids_to_text(ids: Iterable[int]) -> str:
    """The text that `ids` (each 0..65) spell, without padding and end."""
    return "".join(SYMBOLS[index] for index in ids if index not in (PAD_ID, END_ID))


def speakable(ids: Iterable[int]) -> bool:
    """Whether `ids` hold a letter; "..." alone is nothing to say."""
    return not _LETTER_IDS.isdisjoint(ids)
