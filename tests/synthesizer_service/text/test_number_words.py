import pytest

from synthesizer_service.text.english.number_words import (
    cardinal_words,
    digit_words,
    integer_words,
    ordinal_words,
    plural_words,
    two_digit_words,
)


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("05", "five"),
        ("21", "twenty-one"),
        ("101", "one hundred one"),
        ("1001", "one thousand one"),
        ("1234", "one thousand, two hundred thirty-four"),
        ("1000000000000", "one trillion"),
        ("1000000", "one million"),
        ("9" * 16, " ".join(["nine"] * 16)),
    ],
)
def test_cardinal_has_commas_and_no_and(digits: str, words: str) -> None:
    assert cardinal_words(digits) == words


def test_fifteen_digits_are_still_an_amount() -> None:
    assert cardinal_words("9" * 15).startswith("nine hundred ninety-nine trillion, ")


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("1000", "one thousand"),
        ("1001", "ten oh one"),
        ("1600", "sixteen hundred"),
        ("1900", "nineteen hundred"),
        ("1999", "nineteen ninety-nine"),
        ("2000", "two thousand"),
        ("2005", "two thousand five"),
        ("2010", "twenty ten"),
        ("2100", "twenty-one hundred"),
        ("2999", "twenty-nine ninety-nine"),
        ("3000", "three thousand"),
        ("3001", "three thousand one"),
        ("10000", "ten thousand"),
        ("00", "zero"),
        ("05", "five"),
        ("007", "zero zero seven"),
        ("0000", "zero zero zero zero"),
    ],
)
def test_integer_reads_years_and_serials_apart(digits: str, words: str) -> None:
    assert integer_words(digits) == words


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zeroth"),
        ("1", "first"),
        ("3", "third"),
        ("12", "twelfth"),
        ("20", "twentieth"),
        ("21", "twenty-first"),
        ("100", "one hundredth"),
        ("101", "one hundred and first"),
        ("1001", "one thousand and first"),
        ("1234", "one thousand, two hundred and thirty-fourth"),
        ("1" * 16, " ".join(["one"] * 15) + " first"),
    ],
)
def test_ordinal_reads_as_rtvc(digits: str, words: str) -> None:
    assert ordinal_words(digits) == words


def test_digits_read_one_by_one() -> None:
    assert digit_words("405") == "four zero five"


@pytest.mark.parametrize(
    ("digits", "words"), [("30", "thirty"), ("05", "oh five"), ("00", "oh oh"), ("10", "ten")]
)
def test_two_digits_begin_with_oh(digits: str, words: str) -> None:
    assert two_digit_words(digits) == words


@pytest.mark.parametrize(
    ("words", "plural"),
    [("nineteen ninety", "nineteen nineties"), ("six", "sixes"), ("eight", "eights")],
)
def test_plural_follows_spelling(words: str, plural: str) -> None:
    assert plural_words(words) == plural
