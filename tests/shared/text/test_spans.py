from hypothesis import given
from hypothesis import strategies as st

from shared.text.spans import Run, SpannedText


def test_neighbours_in_the_source_become_one_run() -> None:
    text = SpannedText([Run("a", 3, 4), Run("bc", 4, 6), Run("", 6, 9), Run("d", 9, 10)])

    assert text.runs == (Run("abc", 3, 6), Run("d", 9, 10))
    assert text.text == "abcd"
    assert text.source == (3, 10)


def test_a_run_of_another_length_stands_for_its_whole_source() -> None:
    text = SpannedText([Run("AT", 0, 2), Run("&", 2, 7), Run("T", 7, 8)])

    assert text.part(1, 3).runs == (Run("T", 1, 2), Run("&", 2, 7))


def test_an_empty_text_has_no_source() -> None:
    assert SpannedText().source == (0, 0)


@given(st.lists(st.tuples(st.text(max_size=4), st.integers(0, 2))), st.data())
def test_parts_are_the_parts_of_the_text(
    stretches: list[tuple[str, int]], data: st.DataObject
) -> None:
    runs, at = [], 0
    for text, gap in stretches:
        runs.append(Run(text, at + gap, at + gap + len(text)))
        at += gap + len(text)
    whole = SpannedText(runs)
    start = data.draw(st.integers(0, len(whole.text)))
    stop = data.draw(st.integers(start, len(whole.text)))

    assert whole.part(start, stop).text == whole.text[start:stop]
