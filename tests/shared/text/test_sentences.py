import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import sentences
from shared.text.blocks import CELL_PAUSE, ITEM_PAUSE, PARAGRAPH_PAUSE
from shared.text.sentences import (
    CLAUSE_PAUSE,
    SENTENCE_PAUSE,
    Piece,
    iter_sentences,
    split_sentences,
)

# Letters and words that the rules are about come up far more often than by chance.
TEXTS = st.lists(
    st.sampled_from(["Dr", "e.g", "a", "B", "no", "3", ".", "..", "?", "!", "…", "。", "」", "「"])
    | st.sampled_from(['"', ")", ",", ";", " ", " ", "\n", "\n\n", "word", "The", "다", "-"])
    | st.text(max_size=8)
).map("".join)


def texts_of(text: str, max_characters: int = 200) -> list[str]:
    return [piece.text for piece in split_sentences(text, max_characters)]


@given(text=TEXTS, max_characters=st.integers(1, 40))
def test_nothing_is_lost_but_whitespace(text: str, max_characters: int) -> None:
    joined = "".join(texts_of(text, max_characters))

    assert "".join(joined.split()) == "".join(text.split())


@given(text=TEXTS, max_characters=st.integers(1, 40))
def test_pieces_are_neither_empty_nor_too_long(text: str, max_characters: int) -> None:
    for piece in split_sentences(text, max_characters):
        assert piece.text == piece.text.strip()
        assert 1 <= len(piece.text) <= max_characters


@pytest.mark.parametrize(
    "text",
    [
        "One. | Two! | Three? | Four?! | Five.",
        "Dr. Smith met Mrs. Jones. | They talked.",
        "Bring fruit, e.g. apples. | Bring bread, i.e. Rye.",
        "At 5 a.m. he left. | At 6 p.m. Monday came. | It was 7 p.m. | The day was over.",
        "The U.S. Senate met. | He left the U.S. | The rest stayed.",
        "J. K. Rowling wrote it. | George W. Bush read it.",
        "It costs $3.50. | Pi is 3.14159. | Version 1.0. | Good.",
        "See no. 5 and Fig. 2. | No. | I will not.",
        "He works at Acme Inc. in Ohio. | She works at Acme Inc. | They met there.",
        "In Jan. we ski. | I live in St. Louis.",
        "Take Hwy. 101 past pp. xii to xv of Reg. No. 5. | Adm. Nimitz knew.",
        "It is 12 mi. N of town. | Keep it 24 h. | Then go.",
        "Come at 5 p.m. EST. | Fees are due.",
        "Asst. Mgr. Lee met Pfc. Jones of the 2nd Bn. Then.",
        "1. Open the box. | 2. Close the box.",
        "It was 1999. | Everything was new.",
        '"What?" he said. | "Go!" | She went.',
        "It broke (see p. 5.) | Then it worked.",
        "Well... maybe not. | Well... | Maybe. | Wait… what? | Wait… | No.",
        "hello there. | how are you? | fine.",
        "He has a Ph.D. in law. | Go. | Ok.",
        "안녕하세요. | 네. | 알겠습니다!",
        "这是一句话。|又一句！|「はい。」|「行くぞ！」と彼は言った。|終わり。",
        "यह एक वाक्य है। | यह दूसरा है।",
        "Visit example.com today. | Mail a.b@c.de now.",
        "Add 4 tbsp. butter. | Stir. | Use 2 tsp. | Serve.",
        "Call ext. 402 now. | Order no. A7B is late.",
        "We met Yahoo! in Paris. | Who? the waiter asked.",
        "See https://test.org/path?q=1. | Next.",
        "See Eq. (4), refs. 12 and Art. VI of it. | It is Art. | A fig. | It fell.",
        "Open Mon.–Fri. 9am–5pm and Sat. 9:30–1. | Closed.",
        "PORTLAND, Ore. (AP) — Rain fell. | It is in Ore. | He left.",
        "He took max. 30 mg. | Max. | He won.",
        "a 3-yr. warranty and 1 lg. egg",
        "Use foo.Bar(), java.util.List or report.Final.pdf. | Done.",
    ],
)
def test_ends_of_sentences_are_distinguished_from_other_stops(text: str) -> None:
    expected = [sentence.strip() for sentence in text.split("|")]

    assert texts_of(text.replace("|", "")) == expected


def test_a_paragraph_ends_a_sentence_without_a_stop() -> None:
    assert split_sentences("A heading\n \nThe text\nof it. More.") == [
        Piece("A heading", PARAGRAPH_PAUSE),
        Piece("The text of it.", SENTENCE_PAUSE),
        Piece("More.", 0.0),
    ]


def test_a_sentence_may_begin_without_a_space() -> None:
    assert texts_of("This is one.Start again.Now!Stop") == [
        "This is one.",
        "Start again.",
        "Now!",
        "Stop",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["The woods are lovely, dark and deep,", "But I have promises to keep."],
        ["1/3 c. oil", "zest of 1 lemon", "3 cups of the best flour you have"],
        ["1) Roadmap", "a) the app", "b) the page"],
        ["see u there", "ok great", "it starts at eight and ends at ten"],
        ["so much depends", "upon", "a red wheel", "barrow"],
        ["name: Bob", "age: 5", "items: none"],
        ["[INFO] The build took three seconds on this machine today", "[WARN] No cache was found"],
        ["Best regards,", "Anna"],
    ],
)
def test_lines_that_were_meant_to_end_are_pieces(lines: list[str]) -> None:
    assert texts_of("\n".join(lines)) == [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize(
    "rows",
    [
        ["Invoice 12", "Widget A\t2\t$5.00", "Widget B\t1\t$9.99", "Total\t\t$19.99"],
        [
            "Screws   12   $3.00 each, sent to the shop in the town",
            "Nails    9    $1.00 each, kept",
        ],
        ["Qty  Item      Each    Sum", "1    Gadget    $20.00  $20.00"],
    ],
)
def test_cells_of_a_row_are_pieces(rows: list[str]) -> None:
    cells = [re.split(r"\t+|\s{2,}", row) for row in rows]
    pieces = split_sentences("\n".join(rows))

    assert [piece.text for piece in pieces] == [cell for row in cells for cell in row]
    ends = {row[-1] for row in cells[:-1]}
    pauses = {piece.text: piece.pause for piece in pieces[:-1]}
    assert pauses == {text: ITEM_PAUSE if text in ends else CELL_PAUSE for text in pauses}


def test_wrapped_lines_are_one_sentence() -> None:
    text = (
        "I wanted to write to you about the meeting we had on Tuesday with\n"
        "American and British colleagues of ours, which went quite well and\n"
        "ended early."
    )

    assert texts_of(text) == [" ".join(text.split())]


def test_pieces_know_where_they_were_written() -> None:
    text = "# One *two*\n\nIt is  &euro;5.\nAnd so on."
    pieces = split_sentences(text, text_format="auto")

    assert [piece.text for piece in pieces] == ["One two", "It is €5.", "And so on."]
    assert [text[slice(*piece.content.source)] for piece in pieces] == [
        "One *two",
        "It is  &euro;5.",
        "And so on.",
    ]


def test_a_long_sentence_is_cut_at_its_last_clause_that_fits() -> None:
    assert split_sentences("One two, three four, five six seven. Eight.", 24) == [
        Piece("One two, three four,", CLAUSE_PAUSE),
        Piece("five six seven.", SENTENCE_PAUSE),
        Piece("Eight.", 0.0),
    ]


def test_a_long_clause_is_cut_between_words() -> None:
    assert split_sentences("one two three four five six", 13) == [
        Piece("one two three", 0.0),
        Piece("four five six", 0.0),
    ]


def test_a_long_word_is_cut_anywhere() -> None:
    assert texts_of("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_a_clause_at_the_very_start_is_no_place_to_cut() -> None:
    assert texts_of("So, twenty characters more are here", 20) == [
        "So, twenty",
        "characters more are",
        "here",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\t \n \n"])
def test_an_empty_text_has_no_pieces(text: str) -> None:
    assert split_sentences(text) == []


@pytest.mark.parametrize(("text", "speakable"), [("***", False), ("…!", False), ("5!", True)])
def test_a_piece_without_letters_or_digits_is_not_speakable(text: str, speakable: bool) -> None:
    assert Piece(text, 0.0).speakable is speakable


@pytest.mark.parametrize("unit", [".", '..."', '."', "。」", "a", ",", "J. ", "\n", "(", " ,"])
def test_a_text_made_to_be_slow_is_split_all_the_same(unit: str) -> None:
    text = unit * 100_000  # quadratic time would need minutes

    assert sum(map(len, texts_of(text))) <= len(text)


@pytest.mark.parametrize("unit", ["7", "%", "北京", "서울", "½", "&"])
def test_what_is_spoken_long_is_cut_short(unit: str) -> None:
    assert max(map(len, texts_of(unit * 300))) == 200 // 6


def test_pieces_are_made_one_at_a_time() -> None:
    """The first of a long text are there before the rest has been looked at."""
    looked_at = "Yes. No.\n\n" * 3 + "Left alone. " * 100_000
    pieces = iter_sentences(looked_at)
    assert [next(pieces).text for _ in range(4)] == ["Yes.", "No."] * 2

    tracemalloc.start()
    count = sum(1 for _ in pieces)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 100_002
    assert peak < 30 * 2**20  # of the pieces alone there would be more


def test_time_is_linear_in_a_sentence_without_an_end() -> None:
    """Each piece is cut from a window of the text, not from a copy of the rest."""

    class Counted(str):
        copied = 0

        def __getitem__(self, key: Any) -> str:
            part = super().__getitem__(key)
            Counted.copied += len(part)
            return part

    pieces = [*sentences._cuts(Counted("a" * 20_000), 200)]

    assert len(pieces) == 100
    assert Counted.copied < 2 * 20_000
