"""The synthesizer's alphabet: RTVC's symbols, in its order."""

from collections.abc import Iterable

PUNCTUATION = "!'\"(),-.:;? "
_PAD, _END = "_", "~"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

SYMBOLS: tuple[str, ...] = (_PAD, _END, *_LETTERS, *PUNCTUATION)

_ID_OF = {symbol: index for index, symbol in enumerate(SYMBOLS)}
PAD_ID = _ID_OF[_PAD]
END_ID = _ID_OF[_END]
_LETTER_IDS = frozenset(_ID_OF[letter] for letter in _LETTERS)
_FINAL_IDS = frozenset(_ID_OF[mark] for mark in ".!?")


def ids_of(said: str) -> list[int]:
    """The ids of a normalized text, then END_ID. Raises KeyError for any other character."""
    return [*(_ID_OF[symbol] for symbol in said), END_ID]


def ids_to_text(ids: Iterable[int]) -> str:
    """The text of `ids` (0 to 65), without padding and end."""
    return "".join(SYMBOLS[index] for index in ids if index not in (PAD_ID, END_ID))


def speakable(ids: Iterable[int]) -> bool:
    """True if `ids` hold a letter, unlike "..."."""
    return not _LETTER_IDS.isdisjoint(ids)


def closed(ids: Iterable[int]) -> list[int]:
    """`ids` without padding, ending in a full stop, exclamation or question mark and END_ID.

    The network often misses the end of a text without a final mark. Quotes, brackets, dashes and
    commas after the last word are removed.
    """
    symbols = [index for index in ids if index not in (PAD_ID, END_ID)]
    marks = []
    while symbols and symbols[-1] not in _LETTER_IDS:
        marks.append(symbols.pop())
    final = [mark for mark in reversed(marks) if mark in _FINAL_IDS]
    return [*symbols, *(final or [_ID_OF["."]]), END_ID]
