from pathlib import Path

import pytest

from shared.text.lexicon import MAX_ENTRIES
from synthesizer_service.text import Lexicon, LexiconError, normalize, read_lexicon, spoken_words


@pytest.mark.parametrize(
    ("entries", "text", "said"),
    [
        ({"Nguyen": "win"}, "Mr. Nguyen's car", "mister win's car"),
        ({"Nguyen": "win"}, "nguyen", "nguyen"),
        ({"sql": "sequel"}, "SQL and sql", "sequel and sequel"),
        ({"SQL": "sequel"}, "SQL, sql", "sequel, ess queue ell"),
        ({"cat": "dog"}, "cat concatenate cats", "dog concatenate cats"),
        ({"St. John": "Sinjin"}, "St. John spoke", "sinjin spoke"),
        ({"New York": "Noo Yawk", "New": "Noo"}, "New York, New", "noo yawk, noo"),
        ({"$5": "a fiver"}, "$5 $50", "a fiver fifty dollars"),
        ({"c++": "see plus"}, "C++!", "see plus!"),
    ],
)
def test_entry_is_said_in_place_of_a_whole_word(
    entries: dict[str, str], text: str, said: str
) -> None:
    assert normalize(text, Lexicon(entries)) == said


def test_respelling_keeps_the_span_of_the_source() -> None:
    assert spoken_words("Hi, Nguyen!", Lexicon({"Nguyen": "win"})) == [(0, 2, "hi"), (4, 10, "win")]


def test_entries_of_the_second_lexicon_go_first() -> None:
    both = Lexicon({"cat": "one", "dog": "two"}) | Lexicon({"cat": "three"})
    assert normalize("cat dog", both) == "three two"


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"": "x"}, "must have 1 to 60 characters"),
        ({"x" * 61: "x"}, "must have 1 to 60 characters"),
        ({"naïve": "x"}, "ASCII"),
        ({"x": ""}, "respelling of 'x' must be"),
        ({"x": "5"}, "respelling of 'x' must be"),
        ({"x": "y" * 201}, "respelling of 'x' must be"),
        ({"x": 5}, "respelling of 'x' must be"),
        ({f"w{i}": "x" for i in range(MAX_ENTRIES + 1)}, "at most 1000"),
    ],
)
def test_entry_that_cannot_be_used_is_named(entries: dict[str, str], problem: str) -> None:
    with pytest.raises(LexiconError, match=problem):
        Lexicon(entries)


@pytest.mark.parametrize("content", ["[1]", "not json", '{"x": "5"}'])
def test_file_that_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "lexicon.json"
    file.write_text(content)
    with pytest.raises(LexiconError, match=r"lexicon\.json"):
        read_lexicon(file)


def test_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lexicon.json"
    file.write_text('{"Nguyen": "win"}')
    assert normalize("Nguyen", read_lexicon(file)) == "win"
