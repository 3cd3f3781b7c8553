"""Blocks of text, and the pauses after them."""

from shared.text.blocks import Block, tidy
from shared.text.spans import SpannedText


def block(text: str, pause: float) -> Block:
    return Block(SpannedText.plain(text), pause)


def test_blank_blocks_leave_the_longest_pause() -> None:
    blocks = [block("One.", 0.2), block(" \n", 0.7), block("", 0.35), block("Two.", 0.1)]

    found = [(at.content.text, at.pause) for at in tidy(blocks)]

    assert found == [("One.", 0.7), ("Two.", 0.1)]


def test_blank_blocks_before_the_first_are_dropped() -> None:
    assert [at.content.text for at in tidy([block("", 1), block("One.", 0)])] == ["One."]
    assert [*tidy([block(" ", 1)])] == []
