"""Numbers as English words, in the forms that RTVC's text cleaners use.

The words come from `inflect`, as in RTVC ("one thousand, two hundred thirty-four": a comma after
each group, no "and"). Every function takes digits as text, so that no length of input is too long.
"""

import re

# One number as written: digits with any commas and dots inside. A match starts only where the
# number starts, and the repeats never give back (++, *+), so a long run is read once, not once
# for each of its digits.
NUMERAL = r"(?<![0-9])(?<![0-9][.,])(?:(?<![\w.])\.)?[0-9]++(?:[.,][0-9]++)*+"

# A numeral that is a single quantity: 5, 1234.5, .5 or 1,234.56, but not 1.2.3 or 1,2,3.
QUANTITY = re.compile(
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})++|[0-9]*+)(?:\.(?P<fraction>[0-9]++))?"
)

# A longer run is a serial or card number, not an amount. inflect itself ends at 36 digits.
LONGEST_CARDINAL = 15

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def preload() -> None:
    """Import inflect now instead of at the first number of the first text."""
    # Imported late: its run-time type checks make the import cost seconds on a slow core.
    import inflect  # noqa: F401


def digit_words(digits: str) -> str:
    """ "405" -> "four zero five"."""
    return " ".join(_DIGITS[int(digit)] for digit in digits)


def cardinal_words(digits: str) -> str:
    """ "1234" -> "one thousand, two hundred thirty-four"; a very long run digit by digit."""
    if len(digits) > LONGEST_CARDINAL:
        return digit_words(digits)
    return _inflected(digits, andword="")


def ordinal_words(digits: str) -> str:
    """ "21" -> "twenty-first". RTVC keeps the "and" here: "one hundred and first"."""
    if len(digits) > LONGEST_CARDINAL:
        return f"{digit_words(digits[:-1])} {ordinal_words(digits[-1])}"
    return _inflected(f"{digits}th", andword="and")


def integer_words(digits: str) -> str:
    """A bare integer: 1001 to 2999 as a year, 007 digit by digit, all else as a cardinal."""
    if digits.startswith("0") and len(digits) > 2:
        return digit_words(digits)
    if len(digits) == 4 and "1000" < digits < "3000":
        return _year_words(digits)
    return cardinal_words(digits)


def two_digit_words(digits: str) -> str:
    """The last two digits of a year or a time: "30" -> "thirty", "05" -> "oh five"."""
    tens = "oh " if digits.startswith("0") else ""
    return tens + ("oh" if digits == "00" else cardinal_words(digits))


def quantity_words(whole: str, fraction: str | None) -> str:
    """ "3", "14" -> "three point one four"; commas in `whole` are group separators."""
    words = cardinal_words(whole.replace(",", "")) if whole else ""
    if fraction:
        words += f" point {digit_words(fraction)}"
    return words.strip()


def numeral_words(numeral: str) -> str:
    """Anything that `NUMERAL` matches.

    "1999" -> "nineteen ninety-nine", "1,234.5" -> "one thousand, two hundred thirty-four point
    five", "1.2.3" -> "one point two point three", "1,2,3" -> "one, two, three".
    """
    if quantity := QUANTITY.fullmatch(numeral):
        if numeral.isdecimal():
            return integer_words(numeral)
        return quantity_words(quantity["whole"], quantity["fraction"])
    if "," in numeral:
        return ", ".join(numeral_words(part) for part in numeral.split(","))
    return " point ".join(integer_words(part) for part in numeral.split(".") if part)


def plural_words(words: str) -> str:
    """ "nineteen ninety" -> "nineteen nineties", "six" -> "sixes", "eight" -> "eights"."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("x") else f"{words}s"


def _year_words(digits: str) -> str:
    century, rest = digits[:2], digits[2:]
    if century == "20" and rest < "10":
        ones = "" if rest == "00" else f" {cardinal_words(rest)}"
        return f"two thousand{ones}"
    return f"{cardinal_words(century)} {'hundred' if rest == '00' else two_digit_words(rest)}"


def _inflected(number: str, andword: str) -> str:
    import inflect  # see preload

    # An engine of its own for each call: it keeps the call's options and its place in the number
    # as attributes, so one engine shared by two threads mixes up their words. Making it is cheap.
    return str(inflect.engine().number_to_words(number, andword=andword))
