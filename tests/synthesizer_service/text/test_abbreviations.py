import pytest

from synthesizer_service.abbreviations import expand_abbreviations

TITLES = {
    "Mrs": "misess",
    "Mr": "mister",
    "Drs": "doctors",
    "Dr": "doctor",
    "Sgt": "sergeant",
    "Capt": "captain",
    "St": "saint",
    "Maj": "major",
    "Gen": "general",
    "Rev": "reverend",
    "Lt": "lieutenant",
    "Hon": "honorable",
    "Col": "colonel",
    "Ft": "fort",
}
SUFFIXES = {"Jr": "junior", "Esq": "esquire", "Ltd": "limited", "Co": "company"}


@pytest.mark.parametrize(("short", "full"), TITLES.items())
def test_title_reads_alike_with_and_without_the_dot(short: str, full: str) -> None:
    assert expand_abbreviations(f"hello, {short}. Smith") == f"hello, {full} Smith"
    assert expand_abbreviations(f"hello, {short} Smith") == f"hello, {full} Smith"


@pytest.mark.parametrize(("short", "full"), SUFFIXES.items())
def test_suffix_reads_alike_with_and_without_the_dot(short: str, full: str) -> None:
    assert expand_abbreviations(f"Ford {short}. said") == f"Ford {full} said"
    assert expand_abbreviations(f"Ford {short} said") == f"Ford {full} said"


@pytest.mark.parametrize(("short", "full"), {**TITLES, **SUFFIXES}.items())
def test_dotted_form_is_expanded_in_any_case(short: str, full: str) -> None:
    assert expand_abbreviations(f"{short.lower()}. smith") == f"{full} smith"
    assert expand_abbreviations(f"{short.upper()}. SMITH") == f"{full} SMITH"


@pytest.mark.parametrize(
    "text",
    [
        "a co worker",
        "Co-op",
        "the co-operative",
        "in Co Down",
        "example.co.uk",
        "www.mr.com",
        "disco. Misty",
        "oh hon, look",
        "rev the engine",
        "Rev A",
        "the gen pop",
        "a hon Alice",
        "Gen Z and Gen X",
        "Gen Alpha",
        "a Col de Turini",
        "JR East",
        "DR Congo",
        "first, no. 5 second",
        "St-Denis",
        "the st of it",
        "10 ft. tall",
        "an lt",
        "5 ft tall",
        "FT readers",
    ],
)
def test_word_that_only_looks_like_an_abbreviation_stays(text: str) -> None:
    assert expand_abbreviations(text) == text


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("St. Paul", "saint Paul"),
        ("St Paul", "saint Paul"),
        ("Mount St. Helens", "Mount saint Helens"),
        ("Mount St Helens", "Mount saint Helens"),
        ("221 Baker St.", "221 Baker street"),
        ("Baker St, London", "Baker street, London"),
        ("Baker St and", "Baker street and"),
        ("3rd St.", "3rd saint"),  # RTVC's golden reading
        ("3rd St", "3rd street"),
        ("the 1st St Patrick", "the 1st saint Patrick"),
    ],
)
def test_st_is_a_saint_before_a_name_and_a_street_after_one(text: str, reading: str) -> None:
    assert expand_abbreviations(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("Tiffany & Co", "Tiffany & company"),
        ("Ford Motor Co Ltd", "Ford Motor company limited"),
        ("Ford Motor Co's cars", "Ford Motor company's cars"),
        ("and Co.", "and company"),
    ],
)
def test_co_is_a_company_after_a_name(text: str, reading: str) -> None:
    assert expand_abbreviations(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [("No. 5", "number 5"), ("No.5", "number 5"), ("No. I won't", "No. I won't")],
)
def test_no_is_a_number_only_before_digits(text: str, reading: str) -> None:
    assert expand_abbreviations(text) == reading


def test_dotted_title_glued_to_the_name_is_parted_from_it() -> None:
    assert expand_abbreviations("Dr.Smith") == "doctor Smith"
