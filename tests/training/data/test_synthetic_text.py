import pytest

from synthesizer_service.text import normalize
from training.data.synthetic_text import ordinal, synthetic_lines

SENTENCES = ["The quick fox jumps over the dog.", "Nobody knows, or cares, what it means!"]
WORDS = {"the", "quick", "fox", "jumps", "over", "dog", "nobody", "knows", "or", "cares", "what"}


def test_lines_depend_on_the_seed() -> None:
    assert synthetic_lines(SENTENCES, 50, seed=1) == synthetic_lines(SENTENCES, 50, seed=1)
    assert synthetic_lines(SENTENCES, 50, seed=1) != synthetic_lines(SENTENCES, 50, seed=2)
    assert len(synthetic_lines(SENTENCES, 50)) == 50


def test_lines_begin_with_a_capital_and_end_with_a_point() -> None:
    for line in synthetic_lines(SENTENCES, 500):
        assert line[0].isupper(), line
        assert line[-1] in ".!?", line


def test_dash_is_not_a_fragment() -> None:
    assert set(synthetic_lines(["Yes - no."], 3)[2::5]) <= {
        "Yes.",
        "Yes!",
        "Yes?",
        "No.",
        "No!",
        "No?",
    } | {f"Yes no{end}" for end in ".!?"}


def test_every_number_has_a_reading() -> None:
    lines = synthetic_lines(SENTENCES, 500)
    assert any(character.isdigit() for line in lines for character in line)
    assert not any(character.isdigit() for line in lines for character in normalize(line))


def test_word_lists_use_the_sentences_words() -> None:
    words = synthetic_lines(SENTENCES, 5)[4].rstrip(".").lower().replace(",", "").split()
    assert 3 <= len(words) <= 7
    assert set(words) <= WORDS | {"it", "means"}


@pytest.mark.parametrize(
    ("day", "written"), [(1, "1st"), (2, "2nd"), (13, "13th"), (23, "23rd"), (30, "30th")]
)
def test_days_are_ordinals(day: int, written: str) -> None:
    assert ordinal(day) == written
