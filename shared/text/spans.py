"""Text that maps each character to its place in the source.

Markup and white space are removed before a text is spoken, while word timings and error messages
refer to the source. Every step therefore keeps the mapping.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple


class Run(NamedTuple):
    """A stretch of text for `source[start:end]`.

    If both have the same length, they correspond character by character. Otherwise the text stands
    for the whole stretch, such as an entity or the alias of a `<sub>`.
    """

    text: str
    start: int
    end: int

    @property
    def is_literal(self) -> bool:
        return len(self.text) == self.end - self.start

    def part(self, start: int, stop: int) -> "Run":
        """Characters [start, stop), 0 <= start <= stop <= len(text)."""
        if self.is_literal:
            return Run(self.text[start:stop], self.start + start, self.start + stop)
        return self._replace(text=self.text[start:stop])


class SpannedText:
    """A text made of runs in source order. Adjacent literal runs are joined."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.runs = tuple(_joined(runs))

    @classmethod
    def plain(cls, text: str, start: int = 0) -> "SpannedText":
        """A text identical to its source. start: its offset in the source."""
        return cls([Run(text, start, start + len(text))])

    @cached_property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)

    @cached_property
    def _ends(self) -> list[int]:
        return [*accumulate(len(run.text) for run in self.runs)]

    def part(self, start: int, stop: int) -> "SpannedText":
        """Characters [start, stop) of the text."""
        return SpannedText(self.cut(start, stop))

    def cut(self, start: int, stop: int) -> Iterator[Run]:
        """The runs of characters [start, stop) of the text."""
        for at in range(bisect_right(self._ends, start), len(self.runs)):
            run, end = self.runs[at], self._ends[at]
            begin = end - len(run.text)
            if begin >= stop:
                return
            yield run.part(max(start - begin, 0), min(stop, end) - begin)

    @property
    def source(self) -> tuple[int, int]:
        """Start and end in the source, (0, 0) for an empty text."""
        return (self.runs[0].start, self.runs[-1].end) if self.runs else (0, 0)


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    parts: list[str] = []
    start = end = 0
    for run in runs:
        if not run.text:
            continue
        if parts and run.is_literal and run.start == end:
            parts.append(run.text)
            end = run.end
            continue
        if parts:
            yield Run("".join(parts), start, end)
        if run.is_literal:
            parts, start, end = [run.text], run.start, run.end
        else:
            parts = []
            yield run
    if parts:
        yield Run("".join(parts), start, end)
