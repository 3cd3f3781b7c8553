import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.blocks import (
    CELL_PAUSE,
    ITEM_PAUSE,
    PARAGRAPH_PAUSE,
    SECTION_PAUSE,
    MarkupError,
)
from shared.text.markup import TextFormat, read_markup


def said(text: str, text_format: TextFormat = "auto") -> list[str]:
    return [" ".join(block.content.text.split()) for block in read_markup(text, text_format)]


def pauses(text: str) -> list[float]:
    return [block.pause for block in read_markup(text)]


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("### My Title", ["My Title"]),
        ("Title\n=====\nText", ["Title", "Text"]),
        (
            "**bold**, *slanted*, __strong__, ~~gone~~ and `code`",
            ["bold, slanted, strong, gone and code"],
        ),
        ("[link](https://x.y/z)", ["link"]),
        ("[link][ref] here\n\n[ref]: https://x.y", ["link here"]),
        ("![a cat](cat.png) sleeps", ["a cat sleeps"]),
        ("See <https://x.y/z>.", ["See https://x.y/z."]),
        ("> A quote\n> goes on", ["A quote goes on"]),
        ("- one\n* two\n+ three", ["one", "two", "three"]),
        ("1. Open it.\n2. Close it.", ["1. Open it.", "2. Close it."]),
        ("- [ ] task\n- [x] **it**", ["To do: task", "Done: it"]),
        ("Run[c] is[4]:12 long[a][2].", ["Run is long."]),
        ("| A | B |\n|---|---|\n| 1 | 2 |", ["A", "B", "1", "2"]),
        (
            "Run\n```sh\nmake demo\n\nmake test\n```\nthen",
            ["Run", "make demo", "make test", "then"],
        ),
        ("Paris[4][5] is[^1] large[citation needed].", ["Paris is large."]),
        ("In 1066.[1]: 12  Paris[nb 1] won.[2][3]: 4–5 So.", ["In 1066. Paris won. So."]),
        ("[^1]: A note.", ["A note."]),
        ("a \\* b", ["a * b"]),
        ("*  *  *", []),
    ],
)
def test_markdown_becomes_prose(markdown: str, blocks: list[str]) -> None:
    assert said(markdown) == blocks


@pytest.mark.parametrize(
    ("markup", "blocks"),
    [
        ("<b>B</b> and <i>I</i><br>next", ["B and I", "next"]),
        ("AT&amp;T &#8364;5 &eacute; &nosuch; R&D", ["AT&T €5 é &nosuch; R&D"]),
        ("<p>One.</p><p>Two.</p>", ["One.", "Two."]),
        ("A<!-- not --> B", ["A B"]),
        ("A <script>var x = 1</script>B", ["A B"]),
        ("<script>\nvar x\n\nvar y\n</script>\n\nB", ["B"]),
        ('<a href="https://x.y/_z_">here</a>', ["here"]),
        ("<speak>One<s>two</s><p>three</p></speak>", ["One", "two", "three"]),
        ('<speak><sub alias="World Wide Web">WWW</sub> is old</speak>', ["World Wide Web is old"]),
        ("<speak><say-as interpret-as='characters'>A7B</say-as> it is</speak>", ["eigh 7 B it is"]),
        ("<speak><say-as interpret-as='characters'>AI</say-as></speak>", ["eigh eye"]),
        ("<speak><say-as interpret-as='ordinal'>3</say-as> place</speak>", ["3rd place"]),
        ("<speak><say-as interpret-as='cardinal'>1984</say-as> books</speak>", ["1,984 books"]),
        ("<speak><say-as interpret-as='unknown'>1984</say-as> books</speak>", ["1984 books"]),
        ("<speak><say-as interpret-as='ordinal'>3 and more</speak>", ["3 and more"]),
        ("<speak>one\n\ntwo</speak>", ["one two"]),
        ("<html><head><title>no</title></head><body><h1>T</h1>x</body></html>", ["T", "x"]),
    ],
)
def test_tags_and_entities_become_prose(markup: str, blocks: list[str]) -> None:
    assert said(markup) == blocks


@pytest.mark.parametrize(
    "text",
    [
        "a<b",
        "if a<b and c>d",
        "x < 5 > y",
        ">5 people came",
        ">=5",
        "2 * 3 * 4",
        "snake_case_name",
        "#1 at home",
        "I <3 you",
        "C:\\Users\\x",
        "5 > 3",
        "<unknown> tag",
        "<!-- open",
        "-5°C",
        "a & b",
    ],
)
def test_what_only_looks_like_markup_is_kept(text: str) -> None:
    assert said(text) == [text]


@pytest.mark.parametrize("text", ["**x** [pause:1s] &amp; <b>y</b>", "# no title"])
def test_plain_text_is_taken_literally(text: str) -> None:
    assert said(text, "plain") == [text]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ('One <break time="1s"/> two', 1.0),
        ("One <break time='250ms' /> two", 0.25),
        ('One <break strength="strong"/> two', PARAGRAPH_PAUSE),
        ("One [pause:1.5s] two", 1.5),
        ("One [pause: 300ms] two", 0.3),
        ("One [pause:2] two", 2.0),
        ("One [pause 2 sec] two", 2.0),
        ("One [pause] two", PARAGRAPH_PAUSE),
        ("One\n\ntwo", PARAGRAPH_PAUSE),
        ("One\n\n---\n\ntwo", SECTION_PAUSE),
        ("- One\n- two", ITEM_PAUSE),
        ("|One|two|\n|-|-|", CELL_PAUSE),
    ],
)
def test_pauses_follow_the_markup(text: str, seconds: float) -> None:
    assert pauses(text)[0] == seconds


@pytest.mark.parametrize("text", ["a [pause:11s] b", "a <break time='99999ms'/> b"])
def test_a_pause_that_is_too_long_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(MarkupError, match=r"at character 2 is too long.*at most 10 s"):
        said(text)


def test_number_before_the_line_of_its_item_keeps_its_place() -> None:
    (block,) = read_markup("1)\n1")

    assert block.content.text == "1) 1"
    assert block.content.source == (0, 4)


def test_code_over_a_line_end_keeps_its_place() -> None:
    (block,) = read_markup("`\n`\n1")

    assert block.content.source == (1, 5)


@given(st.text("ab *_`#>|-[]()<&;/!\n\\~1.=\"'", max_size=60))
def test_characters_keep_their_place_in_the_source(text: str) -> None:
    end = 0
    for block in read_markup(text):
        for run in block.content.runs:
            assert end <= run.start <= run.end <= len(text)
            end = run.end
            if run.is_literal:
                assert text[run.start : run.end] == run.text


@pytest.mark.parametrize(
    "unit",
    ["[", "*a_ ", "`", "<a b=c ", "<!--", "<sub alias=x>", "&amp;", "[pause:", "> ", "- a\n", "|a"],
)
def test_hostile_markup_is_read_in_linear_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))  # quadratic time would need minutes

    assert sum(len(block.content.text) for block in read_markup(text)) <= len(text)
