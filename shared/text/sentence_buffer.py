"""Sentences of a text that arrives in parts, given out while the rest still comes."""

import re
from dataclasses import replace

from shared.text.markup import TextFormat, is_document
from shared.text.sentences import MAX_CHARACTERS, SENTENCE_PAUSE, Piece, iter_sentences

_MAYBE_END = re.compile(r"[.!?…‽؟۔।॥。！？｡\n,;:—–)\]|]")
_STOPPED = re.compile(r"[.!?…‽؟。！？][\"'”’»)\]]*\s*\Z")
_WORD = re.compile(r"\w\W")
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)", re.MULTILINE)
_BULLET = re.compile(r"^\s*[*+-] |\\.", re.MULTILINE)
_STAR = re.compile(r"(?<=\S)\*|\*(?=\S)")
_OPEN_LINK = re.compile(r"\[[^\]]*\Z|\]\([^)]*\Z")
_SHORT = 2 * MAX_CHARACTERS
_GROWTH = 1.125
"""A long text without an end is split again only once it has grown by this factor, which keeps the
total time linear."""


class SentenceBuffer:
    """Text in parts of any size, and the pieces of it that are whole.

    A piece is whole once a full word of the next one has arrived: "p.m." ends a sentence or not,
    depending on that word. An SSML or HTML document, and a fence of code, are given out whole.
    """

    def __init__(self, text_format: TextFormat = "plain") -> None:
        self._format = text_format
        self._text = ""
        self._next_length = 0.0

    def __len__(self) -> int:
        """Characters that are held back."""
        return len(self._text)

    @property
    def ends_sentence(self) -> bool:
        """True if the text so far ends with a full stop, so that it could be spoken."""
        return not self._is_document() and _STOPPED.search(self._text[-40:]) is not None

    def add(self, text: str) -> list[Piece]:
        """The pieces that are whole now, with the pauses after them. Raises MarkupError."""
        self._text += text
        if len(self._text) < self._next_length or self._is_document():
            return []
        if len(self._text) <= MAX_CHARACTERS and not _MAYBE_END.search(self._text):
            return []
        whole = self._cut()
        if not whole and len(self._text) > _SHORT:
            self._next_length = _GROWTH * len(self._text)
        return whole

    def rest(self, *, more: bool = False) -> list[Piece]:
        """All pieces that are left. more: other text may follow. Raises MarkupError."""
        pieces = self._pieces(self._text)
        self._text, self._next_length = "", 0.0
        if more and pieces:
            pieces[-1] = replace(pieces[-1], pause=SENTENCE_PAUSE)
        return pieces

    def _cut(self) -> list[Piece]:
        pieces = self._pieces(self._text)
        for at in range(len(pieces) - 1, 0, -1):
            start = self._start(pieces[at])
            if self._is_cut(start, pieces, at):
                self._text, self._next_length = self._text[start:], 0.0
                return pieces[:at]
        return []

    def _start(self, piece: Piece) -> int:
        """Start of the piece, with the bullet of its line and the head of its fence."""
        start = piece.content.source[0]
        if self._format == "plain":
            return start
        line = self._text.rfind("\n", 0, start) + 1
        start = start if any(map(str.isalnum, self._text[line:start])) else line
        fences = [*_FENCE.finditer(self._text, 0, start)]
        return fences[-1].start() if len(fences) % 2 else start

    def _is_cut(self, start: int, pieces: list[Piece], at: int) -> bool:
        """True if both sides of `start` are read alone as they are together."""
        before, after = self._text[:start], self._text[start:]
        if not start or not _WORD.search(after):
            return False
        if self._format == "plain":
            return True
        if len(before) < _SHORT and _is_open(before):
            return False
        texts = [piece.text for piece in pieces]
        alone = [[piece.text for piece in self._pieces(side)] for side in (before, after)]
        return alone == [texts[:at], texts[at:]]

    def _pieces(self, text: str) -> list[Piece]:
        return [*iter_sentences(text, text_format=self._format)]

    def _is_document(self) -> bool:
        """True if the format or the beginning makes it a document of tags."""
        return self._format == "ssml" or (self._format == "auto" and is_document(self._text))


def _is_open(text: str) -> bool:
    """True if the last paragraph begins emphasis, code or a link that may end in the text to come.

    Once the text is long, it is no longer waited for.
    """
    paragraph = _BULLET.sub("", text.rpartition("\n\n")[2])
    without_bold = paragraph.replace("**", "")
    odd = any(paragraph.count(mark) % 2 for mark in ("**", "`", "~~"))
    return odd or len(_STAR.findall(without_bold)) % 2 == 1 or bool(_OPEN_LINK.search(paragraph))
