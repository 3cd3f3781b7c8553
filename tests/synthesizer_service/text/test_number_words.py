import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from synthesizer_service.number_words import (
    NUMERAL,
    cardinal_words,
    digit_words,
    integer_words,
    numeral_words,
    ordinal_words,
    plural_words,
    preload,
    two_digit_words,
)


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("05", "five"),
        ("21", "twenty-one"),
        ("101", "one hundred one"),
        ("1234", "one thousand, two hundred thirty-four"),
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
        ("1" * 16, " ".join(["one"] * 15) + " first"),
    ],
)
def test_ordinal_reads_as_rtvc(digits: str, words: str) -> None:
    assert ordinal_words(digits) == words


@pytest.mark.parametrize(
    ("numeral", "words"),
    [
        ("0.5", "zero point five"),
        (".5", "point five"),
        ("3.14159", "three point one four one five nine"),
        ("1.0", "one point zero"),
        ("1999.5", "one thousand, nine hundred ninety-nine point five"),
        ("1,000,000", "one million"),
        ("1,234", "one thousand, two hundred thirty-four"),
        ("1,234.5", "one thousand, two hundred thirty-four point five"),
        ("1,2,3", "one, two, three"),
        ("0,123", "zero, one hundred twenty-three"),
        ("1,234,56.7", "one, two hundred thirty-four, fifty-six point seven"),
        ("1.2.3", "one point two point three"),
        (
            "192.168.0.1",
            "one hundred ninety-two point one hundred sixty-eight point zero point one",
        ),
        (".5.6", "five point six"),
        ("12345678901234567890", digit_words("12345678901234567890")),
    ],
)
def test_numeral_reads_by_its_form(numeral: str, words: str) -> None:
    assert numeral_words(numeral) == words


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


@pytest.mark.parametrize("run", ["1" * 50, "1,1." * 20 + "1", "12,345.678"])
def test_numeral_starts_nowhere_inside_a_run(run: str) -> None:
    pattern = re.compile(NUMERAL)
    assert pattern.match(run).group() == run  # type: ignore[union-attr]
    assert not any(pattern.match(run, start) for start in range(1, len(run)))


def test_number_longer_than_int_parses_is_read() -> None:
    assert numeral_words("7" * 5000).split() == ["seven"] * 5000


def test_threads_do_not_mix_their_words() -> None:
    numbers = [str(number) for number in range(100_000, 1_000_000, 4_999)]
    expected = [cardinal_words(number) for number in numbers]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(cardinal_words, numbers)) == expected


def test_inflect_is_imported_only_by_preload() -> None:
    preload()
    assert "inflect" in sys.modules
    script = "import sys, synthesizer_service.text; sys.exit('inflect' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 0
