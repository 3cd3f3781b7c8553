"""Text in parts gives the pieces of the whole text, as early as possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.markup import TextFormat
from shared.text.sentence_buffer import SentenceBuffer
from shared.text.sentences import SENTENCE_PAUSE, Piece, split_sentences

PROSE = (
    "Good morning. Dr. Smith left at 5 p.m. Tuesday with Mrs. Jones. Pi is 3.14! Is it? "
    "She lived in the U.S. for ten years… A long sentence has many clauses, and it goes on, "
    "and on, and on, as if its author were afraid of the full stop; which, to be fair, may well "
    "be so, for nobody has ever asked, nor will anybody ask in the time that is left to us. End."
)
MARKDOWN = (
    "# The title\n\nSome **bold words. And more** of them. Then `code`.\n\n"
    "- First item. It is long.\n- Second item\n\n1. One thing\n2. Another\n\n"
    "```py\nx = 1. + 2.\ny = 2\n```\n\n"
    "After *that*: a [link](https://example.org/a.b. 'A title. Yes'). The end."
)
TEXTS = st.lists(
    st.sampled_from(["Dr", "e.g", "a", "B", "3", ".", "?", "…", "。", '"', ")", ",", " ", "\n\n"])
    | st.sampled_from(["word", "The", "**", "```", "\n", "- ", "# ", "[", "](", "<p>", "&amp;"])
    | st.text(max_size=8)
).map("".join)


def spoken(text: str, size: int, text_format: TextFormat) -> list[list[Piece]]:
    """The pieces that each part of `size` characters releases, then the rest."""
    buffer = SentenceBuffer(text_format)
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [*map(buffer.add, parts), buffer.rest()]


def joined(released: list[list[Piece]]) -> list[Piece]:
    return [piece for pieces in released for piece in pieces]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 1000])
def test_parts_give_the_pieces_and_pauses_of_the_whole(size: int) -> None:
    assert joined(spoken(PROSE, size, "plain")) == split_sentences(PROSE)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 1000])
def test_parts_of_markdown_give_the_texts_of_the_whole(size: int) -> None:
    whole = split_sentences(MARKDOWN, text_format="auto")

    kept = [piece.text for piece in joined(spoken(MARKDOWN, size, "auto"))]

    assert kept == [piece.text for piece in whole]


def test_sentence_is_released_with_the_first_word_of_the_next() -> None:
    buffer = SentenceBuffer()

    assert buffer.add("Good mor") == buffer.add("ning. ") == buffer.add("How") == []
    assert buffer.add(" are") == [Piece("Good morning.", SENTENCE_PAUSE)]
    assert buffer.rest() == [Piece("How are", 0)]
    assert buffer.rest() == []


def test_long_sentence_is_released_at_its_clauses() -> None:
    released = spoken("and then another clause, " * 20, 10, "plain")

    assert sum(map(bool, released)) >= 3


@pytest.mark.parametrize("text_format", ["ssml", "auto"])
def test_document_is_released_whole(text_format: TextFormat) -> None:
    text = "<speak>One. Two. <break time='2s'/>Three.</speak>"

    *early, last = spoken(text, 5, text_format)

    assert not any(early)
    assert last == split_sentences(text, text_format="ssml")


def test_fence_is_not_cut() -> None:
    buffer = SentenceBuffer("auto")

    assert buffer.add("See.\n\n```\nx = 1\ny = 2\nz = 3\n")[0].text == "See."
    assert buffer.add("w = 4\n") == []
    kept = [piece.text for piece in buffer.add("```\n\nThat was it. Good day")]
    assert kept == ["x = 1", "y = 2", "z = 3", "w = 4", "That was it."]


@pytest.mark.parametrize(
    ("text", "ends"), [("Wait. ", True), ('"Wait!"', True), ("Wait", False), ("", False)]
)
def test_full_stop_at_the_end_is_seen(text: str, ends: bool) -> None:
    buffer = SentenceBuffer()
    buffer.add(text)
    assert buffer.ends_sentence is ends


def test_rest_has_a_pause_if_more_may_follow() -> None:
    buffer = SentenceBuffer()
    buffer.add("Wait.")
    assert buffer.rest(more=True) == [Piece("Wait.", SENTENCE_PAUSE)]


@given(text=TEXTS, size=st.integers(1, 9))
def test_nothing_of_a_plain_text_is_lost(text: str, size: int) -> None:
    kept = "".join(piece.text for piece in joined(spoken(text, size, "plain")))

    assert "".join(kept.split()) == "".join(text.split())


@given(text=TEXTS, size=st.integers(1, 9))
def test_any_markdown_is_read(text: str, size: int) -> None:
    assert all(piece.text for piece in joined(spoken(text, size, "auto")))


@pytest.mark.parametrize("part", ["a", " ", "<!-- ", "**", "a.", "# \n", "`"])
def test_endless_text_is_split_seldom(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that grew with the square of the text would block all other callers."""
    read: list[int] = []
    buffer = SentenceBuffer("auto")
    pieces = buffer._pieces

    def counted(text: str) -> list[Piece]:
        read.append(len(text))
        return pieces(text)

    monkeypatch.setattr(buffer, "_pieces", counted)
    for _ in range(8000):
        buffer.add(part)
    assert sum(read) < 2_000_000
