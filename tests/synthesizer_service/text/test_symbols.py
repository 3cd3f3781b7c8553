import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthesizer_service.text import (
    END_ID,
    PAD_ID,
    SYMBOLS,
    closed,
    ids_of,
    ids_to_text,
    normalize,
    speakable,
    text_to_ids,
)


class Golden(NamedTuple):
    """A line of RTVC's golden vectors, its reading there, and ours where RTVC is wrong."""

    text: str
    rtvc: str
    done_right: str | None = None


GOLDEN = [
    Golden("Hello, world!", "hello, world!"),
    Golden(
        "Dr. Smith paid $3.50 for 12 apples on 3rd St.",
        "doctor smith paid three dollars, fifty cents for twelve apples on third saint",
    ),
    Golden(
        "The year 1999, then 2000, 2005 and 2023.",
        "the year nineteen ninety-nine, then two thousand, two thousand five and "
        "twenty twenty-three.",
    ),
    Golden(
        "It costs £1,234.56 or 5 dollars.",
        "it costs pstwelve thirty-four point fifty-six or five dollars.",
        "it costs one thousand, two hundred thirty-four pounds, fifty-six pence or five dollars.",
    ),
    Golden(
        "Mr. & Mrs. O'Neil -- at 10:30 a.m.?",
        "mister  misess o'neil -- at ten:thirty a.m.?",
        "mister and misess o'neil -- at ten thirty a.m.?",
    ),
    Golden('She said "go" (twice); then left.', 'she said "go" (twice); then left.'),
    Golden("café naïve — “quoted”", 'cafe naive -- "quoted"'),
    Golden("안녕하세요", "annyeonghaseyo"),
    Golden("1st 2nd 3rd 4th 21st 100th", "first second third fourth twenty-first one hundredth"),
    Golden(
        "0.5 3.14159 1,000,000",
        "zero point five three point fourteen thousand, one hundred fifty-nine one million",
        "zero point five three point one four one five nine one million",
    ),
    Golden(
        "$1 $0.01 $1.01 $2.50",
        "one dollar one cent one dollar, one cent two dollars, fifty cents",
    ),
    Golden("ALL CAPS and MiXeD", "all caps and mixed"),
    Golden("tabs\tand\nnewlines   collapse", "tabs and newlines collapse"),
    Golden(
        "Gen. Col. Lt. Sgt. Capt. Esq. Ltd. Jr. Maj. Drs. Rev. Hon. Co. Ft.",
        "general colonel lieutenant sergeant captain esquire limited junior major doctors "
        "reverend honorable company fort",
    ),
    Golden("emoji 😀 dropped", "emoji dropped"),
    Golden(
        "100% of #1 @ home",
        "one hundred of one  home",
        "one hundred percent of number one at home",
    ),
    Golden(
        "1600 1800s 2019 1900 1001",
        "sixteen hundred eighteen hundreds twenty nineteen nineteen hundred ten oh one",
    ),
    Golden("", ""),
    Golden("   ", ""),
    Golden("...", "..."),
    Golden("8 a.m. to 9 p.m. -5 degrees", "eight a.m. to nine p.m. -five degrees"),
]


@pytest.fixture(scope="module")
def golden_ids(golden: Path) -> dict[str, list[int]]:
    lines = json.loads((golden / "text.json").read_text(encoding="utf-8"))
    return {line["text"]: line["ids"] for line in lines}


@pytest.mark.parametrize("line", GOLDEN, ids=lambda line: line.text)
def test_golden_line_has_the_ids_of_rtvc_or_is_done_right(
    line: Golden, golden_ids: dict[str, list[int]]
) -> None:
    rtvc_ids = golden_ids[line.text]
    assert ids_to_text(rtvc_ids) == line.rtvc
    if line.done_right is None:
        assert text_to_ids(line.text) == rtvc_ids
    else:
        assert ids_to_text(text_to_ids(line.text)) == line.done_right


@pytest.mark.parametrize("line", GOLDEN, ids=lambda line: line.text)
def test_golden_reading_holds_without_the_vectors(line: Golden) -> None:
    reading = line.rtvc if line.done_right is None else line.done_right
    assert normalize(line.text) == reading


def test_every_golden_line_is_listed(golden_ids: dict[str, list[int]]) -> None:
    assert {line.text for line in GOLDEN} == golden_ids.keys()


def test_symbols_are_those_of_rtvc() -> None:
    assert "".join(SYMBOLS) == (
        "_~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!'\"(),-.:;? "
    )
    assert len(SYMBOLS) == 66
    assert (PAD_ID, END_ID) == (0, 1)


def test_pad_and_end_written_in_text_are_dropped() -> None:
    assert text_to_ids("_~") == [END_ID]
    assert ids_to_text(text_to_ids("go_~")) == "go"


def test_ids_to_text_leaves_out_padding_and_end() -> None:
    assert ids_to_text([*text_to_ids("Hello, world!"), PAD_ID, PAD_ID]) == "hello, world!"


@pytest.mark.parametrize("text", ["", " \n\t", "😀 👨‍👩‍👧", "\ud800", "\x00\x07", "_~", "*** ^ <>"])
def test_text_without_symbols_gives_the_end_alone(text: str) -> None:
    assert text_to_ids(text) == [END_ID]
    assert not speakable(text_to_ids(text))


@pytest.mark.parametrize("text", ["...", "?!", " - ", '"\'"', "(:;,)"])
def test_punctuation_alone_is_not_speakable(text: str) -> None:
    ids = text_to_ids(text)
    assert len(ids) > 1
    assert not speakable(ids)


@pytest.mark.parametrize("text", ["a", "Z", "5", "%", "é", "...a"])
def test_text_with_a_letter_or_a_word_for_its_sign_is_speakable(text: str) -> None:
    assert speakable(text_to_ids(text))


def test_padding_is_not_speakable() -> None:
    assert not speakable([PAD_ID, PAD_ID, END_ID])


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=()), max_size=500))
def test_any_unicode_text_gives_ids_in_range_that_end(text: str) -> None:
    *ids, end = text_to_ids(text)
    assert end == END_ID
    assert all(1 < index < len(SYMBOLS) for index in ids)


@settings(deadline=None, max_examples=300)
@given(st.text("019.,:-/$£%#°½ stkmap\n", max_size=60))
def test_any_mix_of_digits_and_signs_gives_ids_in_range_that_end(text: str) -> None:
    *ids, end = text_to_ids(text)
    assert end == END_ID
    assert all(1 < index < len(SYMBOLS) for index in ids)
    assert speakable(ids) or not any(character in "019½" for character in text)


@pytest.mark.parametrize(
    ("said", "with_a_mark"),
    [
        ("hello", "hello."),
        ("hello.", "hello."),
        ("hello?!", "hello?!"),
        ("wait...", "wait..."),
        ('hello "', "hello."),
        ("hello)", "hello."),
        ("hello,", "hello."),
        ("hello -- ", "hello."),
        ('"go!"', '"go!'),
        ("(stop.)", "(stop."),
    ],
)
def test_closed_ids_end_in_a_mark(said: str, with_a_mark: str) -> None:
    assert closed([*ids_of(said), PAD_ID, PAD_ID]) == ids_of(with_a_mark)
