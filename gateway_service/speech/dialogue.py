"""Several voices in one text: a line `[voice: birch]` sets the voice of the lines below it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway_service.speech.speaking import pieces_of, too_many_sentences
from shared.http.errors import InvalidRequest, TooLarge
from shared.http.tensors import Float32Array
from shared.text.markup import TextFormat, is_document
from shared.text.sentences import Piece

MAX_VOICES = 16
"""Voices of one text, besides the voice of the request."""
_LINE = re.compile(
    r"^[^\S\n]*+\[voice:[^\S\n]*+([^\]\n]{1,240})\][^\S\n]*+$", re.IGNORECASE | re.MULTILINE
)


@dataclass
class Dialogue:
    """The pieces of a text, read part by part, and the voice of each.

    voices: names in the text and the voices that they stand for. Other names are voices themselves.
    """

    voices: Mapping[str, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    speakers: list[int | None] = field(default_factory=list)
    """The position of each piece's voice in `asked`; None for the voice of the request."""
    sources: list[str] = field(default_factory=list)
    """The source of each piece, with its markup."""
    asked: list[str] = field(default_factory=list)
    """The voices in the order of their first lines, by name, ID or blend."""

    def add(
        self,
        text: str,
        param: str = "input",
        max_pieces: int | None = None,
        text_format: TextFormat = "plain",
    ) -> None:
        """Add a text, which begins in the voice of the request. Raises as `pieces_of`.

        max_pieces: the limit of all texts together.
        """
        count = len(self.pieces)
        parts = list(_parts(text, text_format))
        for name, part in parts:
            if len(parts) > 1 and not part.strip():
                continue
            speaker = None if name is None else self._speaker(name, param)
            pieces = pieces_of(part, param, max_pieces, text_format)
            if max_pieces is not None and len(self.pieces) + len(pieces) > max_pieces:
                raise too_many_sentences(param, max_pieces)
            self.pieces += pieces
            self.speakers += [speaker] * len(pieces)
            self.sources += [part[slice(*piece.content.source)] for piece in pieces]
        if len(self.pieces) == count:
            raise InvalidRequest(f"{param}: is blank; send some text", param=param, code="empty")

    def each(self, own: Float32Array, others: Sequence[Float32Array]) -> Float32Array:
        """[n, 256]: the embedding for each piece. own: the voice of the request, [256]. others:
        those of `asked`."""
        return np.stack([own if at is None else others[at] for at in self.speakers])

    def _speaker(self, name: str, param: str) -> int:
        asked = self.voices.get(name, name)
        if asked not in self.asked:
            if len(self.asked) == MAX_VOICES:
                raise TooLarge(
                    f"{param}: has over {MAX_VOICES} voices, the limit of one text; use fewer",
                    param=param,
                    code="too_many_speakers",
                )
            self.asked.append(asked)
        return self.asked.index(asked)


def _parts(text: str, text_format: TextFormat) -> Iterator[tuple[str | None, str]]:
    """Each voice's name, or None, and the lines in that voice."""
    if text_format in ("plain", "ssml") or (text_format == "auto" and is_document(text)):
        yield None, text
        return
    name, start = None, 0
    for line in _LINE.finditer(text):
        yield name, text[start : line.start()]
        name, start = line[1].strip(), line.end()
    yield name, text[start:]
