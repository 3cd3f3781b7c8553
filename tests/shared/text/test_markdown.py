"""Markdown to blocks; test_markup.py has many more texts."""

import pytest

from shared.text.blocks import CELL_PAUSE, ITEM_PAUSE, PARAGRAPH_PAUSE, SECTION_PAUSE, tidy
from shared.text.markdown import read_markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title\n\nText", [("Title", PARAGRAPH_PAUSE), ("Text", PARAGRAPH_PAUSE)]),
        ("- one\n- two\n\nend", [("one", ITEM_PAUSE), ("two", PARAGRAPH_PAUSE), ("end", 0.7)]),
        ("a\n\n---\n\nb", [("a", SECTION_PAUSE), ("b", PARAGRAPH_PAUSE)]),
        (
            "| A | B |\n|---|---|\n| 1 | 2 |",
            [("A", CELL_PAUSE), ("B", ITEM_PAUSE), ("1", CELL_PAUSE), ("2", PARAGRAPH_PAUSE)],
        ),
    ],
)
def test_blocks_have_the_pauses_of_their_kind(text: str, expected: list[tuple[str, float]]) -> None:
    assert [(at.content.text, at.pause) for at in tidy(read_markdown(text))] == expected


def test_runs_know_their_place_in_a_long_source() -> None:
    text = "".join(f"Paragraph **{number}** of [many](https://x.y).\n\n" for number in range(3_000))

    blocks = [*tidy(read_markdown(text))]

    assert len(text) > 100_000
    assert len(blocks) == 3_000
    for run in blocks[-1].content.runs:
        assert text[run.start : run.end] == run.text
