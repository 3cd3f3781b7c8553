from pathlib import Path

from training.corpus import lines_of, sentences_of

TEXT = """The first sentence stands here. Another one follows it at once!
%
It is said that this is enough.
\t\t-- Somebody Famous, on another day
%
Buy 3 of them.
NASA launched it again.
Is this a question that one may ask?
"""


def test_plain_sentences_are_taken_without_attribution(tmp_path: Path) -> None:
    (tmp_path / "quotes").write_text(TEXT)
    assert set(sentences_of([tmp_path / "quotes"])) == {
        "The first sentence stands here.",
        "Another one follows it at once!",
        "It is said that this is enough.",
        "Is this a question that one may ask?",
    }


def test_seed_decides_the_order_and_nothing_comes_twice(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(TEXT + "%\n" + TEXT)
    first, again, other = (sentences_of([tmp_path / "a"], seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == sorted(other)
    assert len(set(first)) == len(first)


def test_a_fourth_of_the_lines_is_made_up(tmp_path: Path) -> None:
    text = " ".join(f"The {animal} sleeps in the barn." for animal in ("cat", "dog", "hen"))
    (tmp_path / "book").write_text(text)
    lines = lines_of([tmp_path / "book"])
    assert len(lines) == 4
    assert set(sentences_of([tmp_path / "book"])) < set(lines)
