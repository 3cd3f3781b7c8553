"""Blocks of text that no sentence crosses, and the pauses after them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.text.spans import SpannedText

MAX_PAUSE_SECONDS = 10.0
SECTION_PAUSE = 1.0  # seconds, at a horizontal rule
PARAGRAPH_PAUSE = 0.7
ITEM_PAUSE = 0.35  # after a list item, a row of a table, a line of code
CELL_PAUSE = 0.2


class MarkupError(ValueError):
    """Markup that cannot be followed. The message names the place and the limit."""


@dataclass(frozen=True)
class Block:
    content: SpannedText
    pause: float
    """Minimum silence after the block in seconds; 0 if only sentences may end there."""


def tidy(blocks: Iterable[Block]) -> Iterator[Block]:
    """Drop blank blocks. The longest of their pauses goes to the previous block."""
    last: Block | None = None
    for block in blocks:
        if block.content.text.strip():
            if last is not None:
                yield last
            last = block
        elif last is not None:
            last = replace(last, pause=max(last.pause, block.pause))
    if last is not None:
        yield last
