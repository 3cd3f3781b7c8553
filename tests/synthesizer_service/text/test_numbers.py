import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthesizer_service.numerals import expand_numerals


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("10:30", "ten thirty"),
        ("10:05", "ten oh five"),
        ("10:00", "ten o'clock"),
        ("09:30", "nine thirty"),
        ("22:15", "twenty-two fifteen"),
        ("22:00", "twenty-two hundred"),
        ("0:00", "midnight"),
        ("00:30", "zero thirty"),
        ("10:00 a.m.", "ten a.m."),
        ("10:00 o'clock", "ten o'clock"),
        ("12:00 noon", "twelve noon"),
        ("10:30am", "ten thirty a.m."),
        ("10:30:05", "ten thirty oh five"),
        ("10:30-11:30", "ten thirty to eleven thirty"),
        ("10:00-11:00", "ten o'clock to eleven o'clock"),
        ("at 10:30.", "at ten thirty."),
    ],
)
def test_clock_time_reads_as_spoken(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("16:9", "sixteen:nine"),
        ("25:30", "twenty-five:thirty"),
        ("10:60", "ten:sixty"),
        ("1:02:03:04", "one:two:three:four"),
        ("10:300", "ten:three hundred"),
    ],
)
def test_other_colon_stays_a_pause(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("5pm", "five p.m."),
        ("5 pm.", "five p.m."),
        ("8 a.m. to 9 p.m.", "eight a.m. to nine p.m."),
        ("9am-5pm", "nine a.m. to five p.m."),
        ("5-10 pm", "five to ten p.m."),
        ("i am 5", "i am five"),
        ("13 am", "thirteen am"),
    ],
)
def test_meridiem_after_an_hour_gets_its_dots(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("3-5", "three to five"),
        ("3-5km", "three to five kilometers"),
        ("pages 3-5.", "pages three to five."),
        ("1.5-2.5", "one point five to two point five"),
        ("1990-1999", "nineteen ninety to nineteen ninety-nine"),
        ("1990-95", "nineteen ninety to ninety-five"),
        ("2023-24", "twenty twenty-three to twenty-four"),
        ("500-1000", "five hundred to one thousand"),
        ("1,000-2,000", "one thousand to two thousand"),
    ],
)
def test_ascending_pair_is_a_range(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("-5", "-five"),
        ("won 5-3", "won five-three"),
        ("3-3", "three-three"),
        ("1-2-3", "one-two-three"),
        ("2023-10-05", "twenty twenty-three-ten-five"),
        ("f-16", "f-sixteen"),
        ("covid-19", "covid-nineteen"),
        ("3 - 5", "three - five"),
    ],
)
def test_other_hyphen_stays(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("555-1234", "five five five, one two three four"),
        ("010-1234-5678", "zero one zero, one two three four, five six seven eight"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
    ],
)
def test_telephone_number_is_read_digit_by_digit(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("1/2", "one half"),
        ("3/4", "three quarters"),
        ("2/3 full", "two thirds full"),
        ("9/10", "nine tenths"),
        ("2 1/2", "two and a half"),
        ("1 3/4", "one and three quarters"),
        ("1/2-inch", "one half-inch"),
        ("24/7", "twenty-four/seven"),
        ("9/11", "nine/eleven"),
        ("5/2", "five/two"),
        ("10/5/2023", "ten/five/twenty twenty-three"),
    ],
)
def test_fraction_below_one_has_a_name(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("1 km", "one kilometer"),
        ("0 km", "zero kilometers"),
        ("5km", "five kilometers"),
        ("1.0 kg", "one point zero kilograms"),
        ("100 km/h", "one hundred kilometers per hour"),
        ("60 mph", "sixty miles per hour"),
        ("1 ft", "one foot"),
        ("6 ft. tall", "six feet. tall"),
        ("3 gb", "three gigabytes"),
        ("20°c", "twenty degrees celsius"),
        ("68 ° f", "sixty-eight degrees fahrenheit"),
        ("1°", "one degree"),
        ("45°n", "forty-five degrees n"),
        ("5 m", "five m"),
        ("5 kmart", "five kmart"),
        ("km", "km"),
    ],
)
def test_unit_after_a_number_is_spelled_out(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("1st 22nd", "first twenty-second"),
        ("1,000th", "one thousandth"),
        ("1.5th", "one point five th"),
        ("1800s", "eighteen hundreds"),
        ("1990s", "nineteen nineties"),
        ("'90s", "'nineties"),
        ("mp3", "mp three"),
        ("b2b", "b two b"),
        ("4x4", "four x four"),
        ("221b", "two hundred twenty-one b"),
        ("in 1999.", "in nineteen ninety-nine."),
        ("...5", "...five"),
        ("no digits", "no digits"),
    ],
)
def test_number_in_or_beside_a_word_is_a_word_of_its_own(text: str, reading: str) -> None:
    assert expand_numerals(text) == reading


@settings(deadline=None, max_examples=300)
@given(st.text("0159.,:-/° stkmapn", max_size=60))
def test_no_digit_is_left(text: str) -> None:
    assert not re.search("[0-9]", expand_numerals(text))
