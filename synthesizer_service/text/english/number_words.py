"""Numbers as English words, in the style of RTVC's text cleaners.

Groups are separated by commas, without "and": "one thousand, two hundred thirty-four". Functions
take digits as text, so input of any length is safe.
"""

from synthesizer_service.text.english.rules import listed

# Longer runs are serial or card numbers.
MAX_CARDINAL_DIGITS = 15

_SMALL = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def digit_words(digits: str) -> str:
    """ "405" -> "four zero five"."""
    return " ".join(_SMALL[int(digit)] for digit in digits)


def cardinal_words(digits: str) -> str:
    """ "1234" -> "one thousand, two hundred thirty-four"; longer runs digit by digit."""
    if len(digits) > MAX_CARDINAL_DIGITS:
        return digit_words(digits)
    return _cardinal(int(digits), and_word="")


def ordinal_words(digits: str) -> str:
    """ "21" -> "twenty-first". RTVC keeps the "and" here: "one hundred and first"."""
    if len(digits) > MAX_CARDINAL_DIGITS:
        return f"{digit_words(digits[:-1])} {ordinal_words(digits[-1])}"
    words = _cardinal(int(digits), and_word=" and")
    at = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[at:]
    if last.endswith("y"):
        return f"{words[:-1]}ieth"
    return words[:at] + _ORDINALS.get(last, f"{last}th")


def integer_words(digits: str) -> str:
    """A bare integer: 1001 to 2999 like a year, 007 digit by digit, the rest as a cardinal."""
    if digits.startswith("0") and len(digits) > 2:
        return digit_words(digits)
    if len(digits) == 4 and "1000" < digits < "3000":
        return _year_words(digits)
    return cardinal_words(digits)


def two_digit_words(digits: str) -> str:
    """The last two digits of a year or a time: "30" -> "thirty", "05" -> "oh five"."""
    tens = "oh " if digits.startswith("0") else ""
    return tens + ("oh" if digits == "00" else cardinal_words(digits))


def paired_words(digits: str) -> str:
    """Three or four digits in pairs, like model numbers: "747" -> "seven forty-seven"."""
    if len(digits) == 4 and (digits < "3000" or digits[1:] == "000"):
        return integer_words(digits)
    if len(digits) == 4:
        first, rest = digits[:2], digits[2:]
        return f"{cardinal_words(first)} {'hundred' if rest == '00' else two_digit_words(rest)}"
    hundreds, rest = digits[0], digits[1:]
    return f"{cardinal_words(hundreds)} {'hundred' if rest == '00' else two_digit_words(rest)}"


def quantity_words(whole: str, fraction: str = "") -> str:
    """ "3", "14" -> "three point one four"."""
    words = cardinal_words(whole) if whole else ""
    if fraction:
        words += f" point {digit_words(fraction)}"
    return words.strip()


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


def _cardinal(number: int, and_word: str) -> str:
    if number < 1000:
        return _group(number, and_word)
    groups: list[str] = []
    rest, last = divmod(number, 1000)
    for scale in _SCALES[1:]:
        rest, group = divmod(rest, 1000)
        if group:
            groups.insert(0, _group(group, and_word) + scale)
    words = ", ".join(groups)
    if not last:
        return words
    joint = and_word if last < 100 else ","
    return f"{words}{joint} {_group(last, and_word)}"


def _group(number: int, and_word: str) -> str:
    """0 to 999."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    words = f"{_SMALL[hundreds]} hundred"
    return f"{words}{and_word} {_below_hundred(rest)}" if rest else words


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")
