"""Amounts of money: "$3.50" -> "three dollars, fifty cents", as RTVC reads dollars."""

import re
from typing import NamedTuple

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.numbers import NUMBER, plain_words, quantity
from synthesizer_service.text.english.rules import (
    DIGIT,
    LETTER,
    SIGN,
    after,
    any_of,
    before,
    is_attributive,
    rule,
)


class Currency(NamedTuple):
    """Singular and plural of the unit, and of its hundredth if there is one."""

    one: str
    many: str
    hundredth: str = ""
    hundredths: str = ""


_DOLLAR = Currency("dollar", "dollars", "cent", "cents")
_EURO = Currency("euro", "euros", "cent", "cents")
_POUND = Currency("pound", "pounds", "penny", "pence")
_YEN = Currency("yen", "yen")
_WON = Currency("won", "won")
_RAND = Currency("rand", "rand", "cent", "cents")
_RUPEE = Currency("rupee", "rupees", "paisa", "paise")

SIGNS = {
    "$": _DOLLAR,
    "€": _EURO,
    "£": _POUND,
    "¥": _YEN,
    "₩": _WON,
    "¢": Currency("cent", "cents"),
    "₹": _RUPEE,
    "₽": Currency("ruble", "rubles"),
    "₺": Currency("lira", "lira"),
    "₫": Currency("dong", "dong"),
    "฿": Currency("baht", "baht"),
    "₪": Currency("shekel", "shekels"),
    "₱": Currency("peso", "pesos"),
    "₴": Currency("hryvnia", "hryvnias"),
    "₦": Currency("naira", "naira"),
    "₿": Currency("bitcoin", "bitcoins"),
}


def _dollars_of(country: str) -> Currency:
    return Currency(f"{country} dollar", f"{country} dollars", "cent", "cents")


_PREFIXES = {  # of $
    "US": _dollars_of(spell("US")),
    "A": _dollars_of("Australian"),
    "AU": _dollars_of("Australian"),
    "C": _dollars_of("Canadian"),
    "CA": _dollars_of("Canadian"),
    "NZ": _dollars_of("New Zealand"),
    "HK": _dollars_of("Hong Kong"),
    "S": _dollars_of("Singapore"),
    "NT": _dollars_of("Taiwan"),
    "R": Currency("real", "reais", "centavo", "centavos"),
}
_CODES = {
    "USD": _PREFIXES["US"],
    "US$": _PREFIXES["US"],
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "KRW": _WON,
    "CNY": Currency("yuan", "yuan"),
    "RMB": Currency("yuan", "yuan"),
    "INR": _RUPEE,
    "Rs.": _RUPEE,
    "Rs": _RUPEE,
    "CHF": Currency("Swiss franc", "Swiss francs"),
    "CAD": _PREFIXES["CA"],
    "AUD": _PREFIXES["AU"],
    "NZD": _PREFIXES["NZ"],
    "HKD": _PREFIXES["HK"],
    "SGD": _PREFIXES["S"],
    "SEK": Currency("Swedish krona", "Swedish kronor"),
    "NOK": Currency("Norwegian krone", "Norwegian kroner"),
    "DKK": Currency("Danish krone", "Danish kroner"),
    "PLN": Currency("zloty", "zlotys"),
    "zl": Currency("zloty", "zlotys"),
    "BRL": _PREFIXES["R"],
    "MXN": Currency("Mexican peso", "Mexican pesos"),
    "kr": Currency("krone", "kroner"),
    "CZK": Currency("koruna", "koruna"),
    "Kc": Currency("koruna", "koruna"),
    "HUF": Currency("forint", "forints"),
    "Ft": Currency("forint", "forints"),
    "TL": SIGNS["₺"],
    "RUB": SIGNS["₽"],
    "UAH": SIGNS["₴"],
    "ILS": SIGNS["₪"],
    "NIS": SIGNS["₪"],
    "THB": SIGNS["฿"],
    "VND": SIGNS["₫"],
    "NGN": SIGNS["₦"],
    "IDR": Currency("rupiah", "rupiah"),
    "Rp": Currency("rupiah", "rupiah"),
    "MYR": Currency("ringgit", "ringgit"),
    "TWD": _PREFIXES["NT"],
    "ZAR": _RAND,
    "AED": Currency("dirham", "dirhams"),
    "SAR": Currency("riyal", "riyals"),
    "EGP": Currency("Egyptian pound", "Egyptian pounds"),
    "KES": Currency("Kenyan shilling", "Kenyan shillings"),
    "BTC": SIGNS["₿"],
    "ETH": Currency("ether", "ether"),
}
_WHOLE_ONLY = frozenset(map(_CODES.get, ("IDR", "VND", "HUF", "KRW", "JPY")))
"""Currencies without cents, so that 50.000 of them is a grouped number."""
_NAMES = {"euro": _EURO, "euros": _EURO}

_SCALES = {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "mn": "million",
    "mm": "million",
    "MM": "million",
    "b": "billion",
    "B": "billion",
    "bn": "billion",
    "Bn": "billion",
    "T": "trillion",
    "tn": "trillion",
}
_PER = {
    "hr": "hour",
    "h": "hour",
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "lb": "pound",
    "kg": "kilogram",
    "oz": "ounce",
    "gal": "gallon",
    "ea": "each",
    "pp": "person",
    "sq ft": "square foot",
    "kWh": "kilowatt hour",
    "MWh": "megawatt hour",
    "bbl": "barrel",
    "pc": "piece",
    "pcs": "piece",
    "bu": "bushel",
    "ac": "acre",
    "sqft": "square foot",
    "ft": "foot",
    "t": "ton",
    "L": "liter",
    "l": "liter",
    "min": "minute",
    "GB": "gigabyte",
    "MB": "megabyte",
}
_WORDS_PER = (
    "hour|day|night|week|month|year|person|user|seat|head|item|unit|share|barrel|ton|mile|"
    "minute|bottle|cup|dozen"
)
_SCALED = (
    r"(?:[ -]?(?P<scale>[tT]housand|[mM]illion|[bB]illion|[tT]rillion|[lL]akh|[cC]rore)\b"
    rf"|(?P<suffix>{any_of(' '.join(_SCALES))})(?![A-Za-z0-9]))?"
)
_RANGE = rf"(?P<low>{NUMBER})(?P<low_suffix>{any_of(' '.join(_SCALES))})?(?:-| - | to )"
_ROUND = r"(?:(?:[.,]--?|/-)(?![0-9A-Za-z-]))?"  # CHF 50.-, Rs.250/-
_RATE = (
    rf"{_ROUND}(?: ?/ ?(?P<per>{'|'.join(_PER)}|{_WORDS_PER})\b(?:\.(?= ?[a-z,;:)+&@]))?"
    r"|-(?P<each>an?-[a-z]{2,9})\b)?"
)
_SIGN = f"[{''.join(SIGNS).replace('¢', '')}]"
_NOTE_AFTER = re.compile(r" (?:bill|note|coin|question|deal|prize|gift|fine|fee|cap)s?\b")
_ENDS = r"(?![0-9]|[.,][0-9])"


def _prefixed(match: re.Match[str]) -> str:
    country, sign = match["country"], match["sign"]
    if match["code"]:  # $5 USD
        return _amount_words(_CODES[match["code"]], match)
    currency = _PREFIXES[country] if country and sign == "$" else SIGNS[sign]
    words = _amount_words(currency, match)
    if country and sign != "$":
        words = f"{country} {words}"
    if _NOTE_AFTER.match(after(match)) or is_attributive(match):
        words = words.removesuffix("s")  # a five dollar bill
    return ("minus " if match["minus"] or match["inner_minus"] else "") + words


def _coded(match: re.Match[str]) -> str:
    return _amount_words(_CODES[match["code"]], match)


def _suffixed(match: re.Match[str]) -> str | None:
    sign = match["sign"]
    if sign in {"Ft", "Rs"} and len(match["amount"]) < 3:
        return None  # feet, the three Rs
    return _amount_words(SIGNS.get(sign) or _CODES.get(sign) or _NAMES[sign], match)


def _amount_words(currency: Currency, match: re.Match[str]) -> str:
    found = match.groupdict()
    scale = (found["scale"] or _SCALES.get(found["suffix"] or "", "")).lower()
    words = _counted_words(currency, found["amount"], scale)
    if low := found.get("low"):
        low_scale = _SCALES.get(found["low_suffix"] or "", "")
        words = f"{plain_words(low)} {low_scale}".strip() + f" to {words}"
    if each := found.get("each"):  # $20-a-month
        return f"{words.removesuffix('s')} {each.replace('-', ' ')}"
    if per := found.get("per"):
        per = _PER.get(per, per)
        words += " each" if per == "each" else f" per {per}"
    return words


def _counted_words(currency: Currency, written: str, scale: str) -> str:
    grouped = currency is _EURO and re.fullmatch(r"[0-9]{1,3}\.[0-9]{2}0", written)
    if grouped or (currency in _WHOLE_ONLY and re.fullmatch(r"[0-9]{1,3}\.[0-9]{3}", written)):
        written = written.replace(".", "")  # €1.000 is grouped
    amount = quantity(written)
    if scale:
        return f"{amount.words()} {scale} {currency.many}"
    fraction = amount.fraction
    if fraction and (len(fraction) > 2 or not currency.hundredth):
        return f"{amount.words()} {currency.many}"
    units = _counted(amount.whole, currency.one, currency.many)
    hundredths = _counted(fraction.ljust(2, "0"), currency.hundredth, currency.hundredths)
    return ", ".join(filter(None, (units, hundredths))) or f"zero {currency.many}"


def _counted(digits: str, one: str, many: str) -> str:
    """ "02", "cent", "cents" -> "two cents"; "" for zero."""
    digits = digits.lstrip("0")
    return f"{cardinal_words(digits)} {one if digits == '1' else many}" if digits else ""


_FORMULA_AFTER = re.compile(r"\$?[^$]{0,38}[\\^=_{][^$]{0,38}\$|\$?[A-Za-z]\$")
_FORMULA_BEFORE = re.compile(r"\$[^$]{0,38}[\\^=_{][^$]{0,38}\$?$|\$[A-Za-z]\$?$")


def _bare_sign(match: re.Match[str]) -> str:
    """A sign without an amount; nothing for the dollars around a formula in TeX."""
    is_tex = _FORMULA_AFTER.match(after(match)) or _FORMULA_BEFORE.search(before(match))
    return "" if match[0] == "$" and is_tex else SIGNS[match[0]].one


def _negative(match: re.Match[str]) -> str | None:
    """($1,234.50) and (45.00), alone in a cell of an account, and $(500)"""
    sign, amount = match["sign"] or match["before"], match["amount"]
    alone = re.search(r"(?:^|[:|] )$", before(match)) and re.match(r" ?(?:$|\|)", after(match))
    is_amount = sign or re.search(r"[.,][0-9]{2}$|,", amount)
    if not (match["before"] or (alone and is_amount)):
        return None
    return f"minus {_counted_words(SIGNS[sign], amount, '') if sign else plain_words(amount)}"


def _for_each(match: re.Match[str]) -> str | None:
    """£5.50pp"""
    return "per person" if _AMOUNT_BEFORE.search(before(match)) else None


def _per_number(match: re.Match[str]) -> str | None:
    """$0.02/1K tokens"""
    return "per" if _AMOUNT_BEFORE.search(before(match)) else None


_AMOUNT_BEFORE = re.compile(r"[$€£][0-9]{1,6}(?:[.,][0-9]{1,6})? ?$")
_CODE = any_of(" ".join(_CODES))

RULES = (
    rule(
        rf"(?P<before>{_SIGN}?)\((?P<sign>{_SIGN}?) ?(?P<amount>{NUMBER})\)",
        _negative,
        SIGN,
    ),
    rule(r"pp(?![A-Za-z0-9])", _for_each, LETTER),
    rule(  # R12.50
        r"R(?P<amount>[0-9]{1,3}(?:,[0-9]{3}){0,3}\.[0-9]{2})(?![0-9])",
        lambda match: _counted_words(_RAND, match["amount"], ""),
        LETTER,
    ),
    rule(r"/(?=[0-9])", _per_number, SIGN),
    rule(r"([1-9])/(?=[$€£][0-9])", lambda match: f"{cardinal_words(match[1])} for"),  # 3/$5
    rule(  # 99c
        r"([1-9][59])c(?![A-Za-z0-9.])", lambda match: f"{cardinal_words(match[1])} cents"
    ),
    rule(
        rf"(?P<minus>(?<![0-9A-Za-z])[-−])?(?P<country>US|AU?|CA?|NZ|HK|NT|S|R)?(?P<sign>{_SIGN}) ?"
        rf"(?P<inner_minus>[-−])?(?:{_RANGE}(?P=sign)? ?)?(?P<amount>{NUMBER}){_ENDS}{_SCALED}"
        rf"(?: ?(?P<code>USD|CAD|AUD|NZD|HKD|SGD)\b)?{_RATE}",
        _prefixed,
        SIGN,
        LETTER,
    ),
    rule(
        rf"(?<![A-Z]/)(?P<code>{_CODE}) ?(?:{_RANGE})?(?P<amount>{NUMBER}){_ENDS}{_SCALED}{_RATE}",
        _coded,
        LETTER,
    ),
    rule(
        rf"(?:{_RANGE})?(?P<amount>{NUMBER}){_SCALED} ?"
        rf"(?:[.,]-- ?|[.,]- ?)?"
        rf"(?P<sign>[{''.join(SIGNS)}](?![0-9])|(?:{_CODE}|euros?)(?![A-Za-z0-9])){_RATE}",
        _suffixed,
        DIGIT,
        SIGN,
    ),
    rule(f"[{''.join(SIGNS)}]", _bare_sign, SIGN),
)
