"""English text as a speaker would say it, in the letters that the synthesizer knows.

RTVC's `english_cleaners` (transliterate, lower-case, numbers, abbreviations, whitespace), and what
those get wrong done right; docs/text.md lists the differences.
"""

import re

from unidecode import unidecode

from synthesizer_service.abbreviations import expand_abbreviations
from synthesizer_service.currency import CURRENCIES, expand_currency
from synthesizer_service.numerals import expand_numerals

PUNCTUATION = "!'\"(),-.:;? "

# Signs whose transliteration would lose their meaning: Unidecode makes "PS" of £, "deg" of °.
_MEANINGFUL = str.maketrans(
    {
        "＄": "$",
        "￡": "£",
        "￥": "¥",
        "￦": "₩",
        "￠": "¢",
        "℃": "°C",
        "℉": "°F",
        "`": "'",
        "×": " times ",
        "÷": " divided by ",
        "±": " plus or minus ",
        "™": "",
        "®": "",
        "©": "",
    }
)
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]++")
_FOREIGN = re.compile(rf"[^\x00-\x7f°{re.escape(''.join(CURRENCIES))}]++")

_SIGNS = {"%": "percent", "&": "and", "@": "at", "+": "plus", "=": "equals", "#": "hash"}
_SIGN = re.compile(r"(?P<number>#(?= ?[0-9]))|[%&@+#]|(?<![=<>!])=(?![=<>])")

_DROPPED_IN_WORD = re.compile(rf"(?<=[a-z])[^a-z{re.escape(PUNCTUATION)}]++(?=[a-z])")
_DROPPED = re.compile(rf"[^a-z{re.escape(PUNCTUATION)}]++")


def normalize(text: str) -> str:
    """`text` as it is spoken: lower-case ASCII letters, `PUNCTUATION` and single spaces.

    Any Unicode text will do, and one that leaves nothing gives "". Linear in its length.
    """
    text = expand_abbreviations(to_ascii(text))
    text = expand_currency(text.lower())
    text = expand_numerals(_SIGN.sub(_spaced_sign, text))
    text = _DROPPED_IN_WORD.sub(" ", text)  # and/or, snake_case
    return _BLANKS.sub(" ", _DROPPED.sub("", text)).strip()


def to_ascii(text: str) -> str:
    """Transliterated and single-spaced; only ° and the signs of `CURRENCIES` stay as they are."""
    text = text.encode(errors="ignore").decode()  # drops lone surrogates
    text = _BLANKS.sub(" ", text.translate(_MEANINGFUL))
    return _BLANKS.sub(" ", _FOREIGN.sub(lambda match: unidecode(match[0]), text))


def _spaced_sign(match: re.Match[str]) -> str:
    start, end = match.span()
    before, after = match.string[max(start - 1, 0) : start], match.string[end : end + 1]
    word = "number" if match["number"] else _SIGNS[match[0]]
    # "" is in PUNCTUATION too: nothing at either end of the text
    return (before not in PUNCTUATION) * " " + word + (after not in PUNCTUATION) * " "
