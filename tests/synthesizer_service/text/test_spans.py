"""Each word that is said knows the stretch of the source, and the symbols, that it stands for."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthesizer_service.text import ids_to_text, read, spoken, spoken_words, text_to_ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Dr. Smith paid $3.50, OK?",
            [
                ("Dr.", "doctor"),
                ("Smith", "smith"),
                ("paid", "paid"),
                ("$3.50", "three dollars, fifty cents"),
                ("OK", "oh kay"),
            ],
        ),
        ("“Naïve” 😀 café—yes", [("Naïve", "naive"), ("café", "cafe"), ("yes", "yes")]),
        ("a ½ cup", [("a", "a"), ("½", "one half"), ("cup", "cup")]),
        ("Henry VIII.", [("Henry", "henry"), ("VIII", "the eighth")]),
        ("(212) 555-0142!", [("(212) 555-0142", None)]),
        ("state-of-the-art", [("state-of-the-art", "state-of-the-art")]),
        ("5 μg a day", [("5 μg", "five micrograms"), ("a", "a"), ("day", "day")]),
    ],
)
def test_words_are_the_sources_own(text: str, words: list[tuple[str, str | None]]) -> None:
    found = [(text[start:end], said) for start, end, said in spoken_words(text)]
    assert [word for word, _ in found] == [word for word, _ in words]
    for (_, said), (_, wanted) in zip(found, words, strict=True):
        assert wanted is None or said == wanted


def test_symbols_of_a_word_are_among_the_ids_of_the_text() -> None:
    text = "On Apr 3, the CEO said: “5 km”."
    ids = text_to_ids(text)
    for word in read(text).words:
        assert ids_to_text(ids[word.first_symbol : word.last_symbol]) == word.said


def test_mark_of_punctuation_is_a_piece_of_its_own() -> None:
    assert [piece.words for piece in spoken("Wait, now!")] == ["wait", ",", "now", "!"]


@settings(deadline=None, max_examples=300)
@given(
    st.text(st.characters(exclude_categories=()), max_size=60)
    | st.text("019.,:-/$£%#°½ stkmapAIV\n'\"()µ—", max_size=60)
)
def test_words_of_any_text_follow_each_other(text: str) -> None:
    said, words = read(text)
    assert said == said.strip()
    assert "  " not in said
    for word in words:
        assert 0 <= word.start < word.end <= len(text)
        assert said[word.first_symbol : word.last_symbol] == word.said == word.said.strip() != ""
    for one, other in pairwise(words):
        assert one.end <= other.start
        assert one.last_symbol < other.first_symbol
