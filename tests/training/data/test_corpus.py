from pathlib import Path

import pytest

from training import TrainingError
from training.data.corpus import sentences_in, training_lines
from training.evaluation.texts import SENTENCES

TEXT = """The first sentence stands here. Another one follows it at once!
%
It is said that this is enough.
\t\t-- Somebody Famous, on another day
%
Buy 3 of them.
NASA launched it again.
Is this a question that one may ask?
"""


def test_plain_sentences_are_kept_without_attribution(tmp_path: Path) -> None:
    (tmp_path / "quotes").write_text(TEXT)
    assert set(sentences_in([tmp_path / "quotes"])) == {
        "The first sentence stands here.",
        "Another one follows it at once!",
        "It is said that this is enough.",
        "Is this a question that one may ask?",
    }


def test_seed_decides_the_order_and_sentences_are_distinct(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(TEXT + "%\n" + TEXT)
    first, again, other = (sentences_in([tmp_path / "a"], seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == sorted(other)
    assert len(set(first)) == len(first)


def test_a_fourth_of_the_lines_is_synthetic(tmp_path: Path) -> None:
    text = " ".join(f"The {animal} sleeps in the barn." for animal in ("cat", "dog", "hen"))
    (tmp_path / "book").write_text(text)
    lines = training_lines([tmp_path / "book"])
    assert len(lines) == 4
    assert set(sentences_in([tmp_path / "book"])) < set(lines)


def test_texts_of_the_evaluation_are_held_out(tmp_path: Path) -> None:
    (tmp_path / "book").write_text(f"{SENTENCES[0]} The cat sleeps in the barn.")
    assert SENTENCES[0] in sentences_in([tmp_path / "book"])
    assert training_lines([tmp_path / "book"]) == ["The cat sleeps in the barn."]


def test_files_without_a_sentence_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(TrainingError, match="3 to 25 words"):
        training_lines([tmp_path / "empty"])
