"""A text on its way in, and the pieces of it that are ready to be spoken."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from shared.http.errors import InvalidRequest
from shared.text.blocks import MarkupError
from shared.text.markup import TextFormat
from shared.text.sentence_buffer import SentenceBuffer
from shared.text.sentences import Piece


class StreamedText:
    """One task adds the text, another takes its pieces.

    has_ended: all text has been added. is_awaited: nothing is ready, and the other task waits.
    """

    def __init__(self, text_format: TextFormat) -> None:
        self._buffer = SentenceBuffer(text_format)
        self._pieces: deque[Piece] = deque()
        self._characters = 0  # of the pieces
        self._is_discarded = False
        self._changed = asyncio.Event()
        self.has_ended = self.is_awaited = False

    @property
    def characters(self) -> int:
        """Number of characters that wait to be spoken."""
        return self._characters + len(self._buffer)

    @property
    def ends_sentence(self) -> bool:
        """True if the text that waits for more ends with a full stop."""
        return not self._is_discarded and self._buffer.ends_sentence

    def add(self, text: str) -> None:
        """Raises InvalidRequest for markup that cannot be spoken, and discards the text."""
        if not self._is_discarded:
            with self._discarding_invalid():
                self._put(self._buffer.add(text))

    def add_rest(self, *, more: bool = False) -> None:
        """Take the text held back as whole. more: other text may follow. Raises as `add`."""
        self.has_ended = self.has_ended or not more
        self._changed.set()
        if not self._is_discarded:
            with self._discarding_invalid():
                self._put(self._buffer.rest(more=more))

    def discard(self) -> None:
        """Discard the waiting text, and ignore further text."""
        self._is_discarded = True
        self._buffer = SentenceBuffer()
        self._pieces.clear()
        self._characters = 0

    async def wait(self) -> bool:
        """Wait for a piece; False once the text has ended and all pieces are taken."""
        while not self._pieces:
            if self.has_ended:
                return False
            self._changed.clear()
            self.is_awaited = True
            try:
                await self._changed.wait()
            finally:
                self.is_awaited = False
        return True

    def take(self) -> Piece | None:
        """The next piece, if one is ready."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self._characters -= len(piece.text)
        return piece

    def _put(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.speakable:
                self._pieces.append(piece)
                self._characters += len(piece.text)
                self._changed.set()

    @contextmanager
    def _discarding_invalid(self) -> Iterator[None]:
        try:
            yield
        except MarkupError as error:
            self.discard()
            raise InvalidRequest(f"text: {error}", param="text", code="invalid_markup") from None
