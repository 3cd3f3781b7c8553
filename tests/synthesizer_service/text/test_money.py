import pytest

from synthesizer_service.currency import expand_currency


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("$1", "one dollar"),
        ("$2", "two dollars"),
        ("$0", "zero dollars"),
        ("$0.00", "zero dollars"),
        ("$0.01", "one cent"),
        ("$.50", "fifty cents"),
        ("$1.01", "one dollar, one cent"),
        ("$2.5", "two dollars, fifty cents"),
        ("$2.50", "two dollars, fifty cents"),
        ("$3.00", "three dollars"),
        ("$1.005", "one point zero zero five dollars"),
        ("$1,000,000.01", "one million dollars, one cent"),
        ("$1999", "one thousand, nine hundred ninety-nine dollars"),
        ("$001", "one dollar"),
        ("£1", "one pound"),
        ("£0.01", "one penny"),
        ("£1.02", "one pound, two pence"),
        ("£1,234.56", "one thousand, two hundred thirty-four pounds, fifty-six pence"),
        ("€1", "one euro"),
        ("€2.20", "two euros, twenty cents"),
        ("¥1", "one yen"),
        ("¥1.5", "one point five yen"),
        ("₩50,000", "fifty thousand won"),
    ],
)
def test_amount_reads_with_units_and_hundredths(text: str, reading: str) -> None:
    assert expand_currency(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("5€", "five euros"),
        ("5 € each", "five euros each"),
        ("100$", "one hundred dollars"),
        ("50¢", "fifty cents"),
        ("1¢", "one cent"),
        ("2k€", "two thousand euros"),
    ],
)
def test_sign_after_the_number_reads_alike(text: str, reading: str) -> None:
    assert expand_currency(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("$1 million", "one million dollars"),
        ("$1.5 billion", "one point five billion dollars"),
        ("$2trillion", "two trillion dollars"),
        ("$1.5m", "one point five million dollars"),
        ("£2k", "two thousand pounds"),
        ("€3bn", "three billion euros"),
        ("$5 millionaires", "five dollars millionaires"),
        ("$5 mint", "five dollars mint"),
        ("$5 b", "five dollars b"),
    ],
)
def test_scale_comes_before_the_unit(text: str, reading: str) -> None:
    assert expand_currency(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("$3-5", "3 to five dollars"),
        ("$3-$5", "3 to five dollars"),
        ("$3-5 million", "3 to five million dollars"),
        ("-$5", "-five dollars"),
        ("$-5", "-five dollars"),
        ("us$5", "us five dollars"),
        ("$5each", "five dollars each"),
        ("$5 $10", "five dollars ten dollars"),
        ("$5.", "five dollars."),
        ("$5, $6", "five dollars, six dollars"),
        ("$1.2.3", "one point two point three dollars"),
        ("$ 5", "five dollars"),
    ],
)
def test_surroundings_are_kept(text: str, reading: str) -> None:
    assert expand_currency(text) == reading


@pytest.mark.parametrize(("sign", "word"), [("$", "dollar"), ("£", "pound"), ("₩", "won")])
def test_sign_alone_reads_as_its_name(sign: str, word: str) -> None:
    assert expand_currency(f"the {sign} sign").split() == ["the", word, "sign"]


def test_amount_of_any_length_is_read_digit_by_digit() -> None:
    assert expand_currency("$" + "7" * 5000) == "seven " * 5000 + "dollars"
