import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthesizer_service import abbreviations, cleaners, currency, number_words, numerals
from synthesizer_service.cleaners import PUNCTUATION, normalize, to_ascii

TABLE_ROW = re.compile(r"^\| (.+?) \| .+? \| (.+?) \| .*\|$", re.MULTILINE)


def documented_readings() -> list[tuple[str, str]]:
    page = (Path(__file__).parents[2] / "docs/text.md").read_text(encoding="utf-8")
    return [(text, ours) for text, ours in TABLE_ROW.findall(page) if text != "input"]


@pytest.mark.parametrize(("text", "reading"), documented_readings())
def test_documented_reading_is_what_is_read(text: str, reading: str) -> None:
    assert normalize(text) == reading


def test_docs_list_every_correction() -> None:
    assert len(documented_readings()) >= 30


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("100%", "one hundred percent"),
        ("100 %", "one hundred percent"),
        ("5%-10%", "five percent to ten percent"),
        ("(50%)", "(fifty percent)"),
        ("50%.", "fifty percent."),
        ("a & b", "a and b"),
        ("AT&T", "at and t"),
        ("you@example.com", "you at example.com"),
        ("#1", "number one"),
        ("# 1", "number one"),
        ("#tag", "hash tag"),
        ("C#", "c hash"),
        ("C++", "c plus plus"),
        ("+5", "plus five"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("a => b", "a b"),
        ("3×4", "three times four"),
        ("6÷2", "six divided by two"),
        ("±5", "plus or minus five"),
        ("Foo™ bar®", "foo bar"),
        ("it`s", "it's"),
    ],
)
def test_sign_reads_as_a_word(text: str, reading: str) -> None:
    assert normalize(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("and/or", "and or"),
        ("snake_case", "snake case"),
        ("**bold**", "bold"),
        ("a😀b", "ab"),
        ("[x] {y}", "x y"),
        ("wait_.", "wait."),
    ],
)
def test_unknown_character_is_dropped_but_splits_a_word(text: str, reading: str) -> None:
    assert normalize(text) == reading


@pytest.mark.parametrize("blank", [*"\t\n\r\x0b\x0c\x00\x07\x1b\x7f\x85\xa0\u2003\u2028\u3000"])
def test_control_character_or_newline_is_a_blank(blank: str) -> None:
    assert normalize(f"{blank}a,{blank}{blank}b{blank}c{blank}") == "a, b c"


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("e\u0301te\u0301", "ete"),
        ("Straße", "strasse"),
        ("你好", "ni hao"),
        ("Ünïcödé…", "unicode..."),
        ("it’s", "it's"),
        ("１０：３０", "ten thirty"),
        ("٣ pages", "three pages"),
        ("￥５００", "five hundred yen"),
        ("℃ 20℃", "c twenty degrees celsius"),
        ("\ud800a\udfff", "a"),
    ],
)
def test_foreign_text_is_transliterated(text: str, reading: str) -> None:
    assert normalize(text) == reading


def test_to_ascii_keeps_case_and_currency_signs() -> None:
    assert to_ascii("Müller  pays £5, ＄6 at 7°") == "Muller pays £5, $6 at 7°"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_normalized_text_is_clean(text: str) -> None:
    clean = normalize(text)
    assert set(clean) <= {*"abcdefghijklmnopqrstuvwxyz", *PUNCTUATION}
    assert "  " not in clean
    assert clean == clean.strip()


MODULES = [abbreviations, cleaners, currency, number_words, numerals]
PATTERNS = {
    f"{module.__name__}.{name}": pattern.pattern
    for module in MODULES
    for name, pattern in vars(module).items()
    if isinstance(pattern, re.Pattern)
}


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_never_gives_back_an_unbounded_repeat(name: str) -> None:
    # A repeat that may give back what it took can be tried at every length: quadratic, or worse.
    bare = re.sub(r"\\.", "", PATTERNS[name])
    bare = re.sub(r"\[[^]]*\]", "", bare)
    assert not re.search(r"[+*](?<![+*]\+)(?!\+)|,\}", bare)


@pytest.mark.parametrize(
    "unit",
    ["1", "1,", "1.", "1,.", "1-", "1:", "1/", "$1", "1$", "1 1/", "1%-", "9,999.", "10:30-", "½"],
)
def test_hostile_run_of_20000_characters_speaks_each_digit_at_most_once(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[str] = []

    def counted(number: str, andword: str) -> str:
        spoken.append(number)
        return "n"

    monkeypatch.setattr(number_words, "_inflected", counted)
    text = (unit * 20_000)[:20_000]
    clean = normalize(text)
    digits = sum(character.isdecimal() for character in to_ascii(text))
    assert len(spoken) <= digits
    assert sum(map(len, spoken)) <= digits + 2 * len(spoken)
    assert set(clean) <= {*"abcdefghijklmnopqrstuvwxyz", *PUNCTUATION}
    assert len(clean) <= 12 * len(text)
