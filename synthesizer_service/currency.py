"""Amounts of money as words: "$3.50" -> "three dollars, fifty cents", as RTVC reads dollars."""

import re
from typing import NamedTuple

from synthesizer_service.number_words import (
    NUMERAL,
    QUANTITY,
    cardinal_words,
    numeral_words,
    quantity_words,
)


class Currency(NamedTuple):
    """Names of one and of several units; of the hundredth part, where the currency has one."""

    one: str
    many: str
    hundredth: str = ""
    hundredths: str = ""


CURRENCIES = {
    "$": Currency("dollar", "dollars", "cent", "cents"),
    "£": Currency("pound", "pounds", "penny", "pence"),
    "€": Currency("euro", "euros", "cent", "cents"),
    "¥": Currency("yen", "yen"),
    "₩": Currency("won", "won"),
    "¢": Currency("cent", "cents"),
}

_SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}
_AMOUNT = (
    rf"(?P<numeral>{NUMERAL})"
    rf"(?:(?: ?(?P<scale>thousand|million|billion|trillion)|(?P<suffix>{'|'.join(_SCALES)}))\b)?"
)
_GLUED = r"(?=(?P<glued>\w)?)"
_LETTER_BEFORE = re.compile(r"(?<=[a-z])(?=[$£€¥₩])")
_RANGE = re.compile(rf"(?P<symbol>[$£€¥₩])(?P<low>{NUMERAL})-(?P=symbol)?(?=[0-9])")
_PREFIXED = re.compile(rf"(?P<symbol>[$£€¥₩]) ?(?P<minus>-?){_AMOUNT}{_GLUED}")
_SUFFIXED = re.compile(rf"{_AMOUNT} ?(?P<symbol>[$£€¥₩¢]){_GLUED}")
_ALONE = re.compile(r"[$£€¥₩¢]")


def expand_currency(text: str) -> str:
    """Every currency sign of lower-case `text` as words, with its amount where it has one."""
    text = _LETTER_BEFORE.sub(" ", text)  # US$5
    text = _RANGE.sub(r"\g<low> to \g<symbol>", text)  # $3-5: three to five dollars
    text = _PREFIXED.sub(lambda match: match["minus"] + _amount(match), text)
    text = _SUFFIXED.sub(_amount, text)
    return _ALONE.sub(lambda match: f" {CURRENCIES[match[0]].one} ", text)


def _amount(match: re.Match[str]) -> str:
    words = _amount_words(
        CURRENCIES[match["symbol"]],
        match["numeral"],
        match["scale"] or _SCALES.get(match["suffix"], ""),
    )
    return words if match["glued"] is None else f"{words} "


def _amount_words(currency: Currency, numeral: str, scale: str) -> str:
    quantity = QUANTITY.fullmatch(numeral)
    if quantity is None:
        return f"{numeral_words(numeral)} {currency.many}"
    whole, fraction = quantity["whole"].replace(",", ""), quantity["fraction"] or ""
    if scale:
        return f"{quantity_words(whole, fraction)} {scale} {currency.many}"
    if fraction and (len(fraction) > 2 or not currency.hundredth):
        return f"{quantity_words(whole, fraction)} {currency.many}"
    units = _counted(whole, currency.one, currency.many)
    hundredths = _counted(fraction.ljust(2, "0"), currency.hundredth, currency.hundredths)
    return ", ".join(filter(None, (units, hundredths))) or f"zero {currency.many}"


def _counted(digits: str, one: str, many: str) -> str:
    """ "02", "cent", "cents" -> "two cents"; nothing of nothing."""
    digits = digits.lstrip("0")
    return f"{cardinal_words(digits)} {one if digits == '1' else many}" if digits else ""
