"""Limits on the seconds of sound of one request: estimated first, then counted as it is made."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from client.async_chain import SAMPLE_RATE, AsyncChain
from client.options import Lexicon
from client.speech import Sentence
from gateway_service.service_calls import as_api_errors
from shared.http.errors import TooLarge
from shared.text.sentences import Piece

_SYMBOLS_PER_SECOND = 16.0
"""The synthesizer's fastest pace, digits and signs written out: a text that fits is never
rejected."""
_MAX_SYMBOLS_PER_CHARACTER = 20
"""A character becomes no more symbols than this: "°C" is "degrees celsius"."""
_WRITTEN_OUT = re.compile(r"[^a-zA-Z\s.,;:!?'\"()-]")


async def require_short(
    chain: AsyncChain,
    pieces: Sequence[Piece],
    speed: float,
    max_seconds: float,
    field: str = "input",
    lexicon: Lexicon | None = None,
) -> None:
    """Raises TooLarge for a text that would be over `max_seconds` of sound, by a low estimate.

    field: the caller's name for the text. The synthesizer is asked only if its answer can change
    the outcome. Raises other ApiErrors if it fails.
    """
    pauses = sum(piece.pause for piece in pieces)
    letters = [len(_WRITTEN_OUT.sub("", piece.text)) for piece in pieces]
    others = sum(len(piece.text) for piece in pieces) - sum(letters)

    def seconds(symbols: int) -> float:
        return (symbols / _SYMBOLS_PER_SECOND + pauses) / speed

    if seconds(sum(letters) + _MAX_SYMBOLS_PER_CHARACTER * others) <= max_seconds:
        return
    symbols = sum(letters)
    if seconds(symbols) <= max_seconds:
        odd = [i for i, piece in enumerate(pieces) if letters[i] < len(piece.text)]
        with as_api_errors({"texts": field, "lexicon": "lexicon"}):
            counts = await chain.symbol_counts([pieces[i].text for i in odd], lexicon)
        symbols += sum(counts) - sum(letters[i] for i in odd)
    if (estimated := seconds(symbols)) > max_seconds:
        raise too_long(field, f"would be some {estimated:.0f} s of speech", max_seconds)


async def within(
    sentences: AsyncGenerator[Sentence], max_seconds: float, field: str = "input"
) -> AsyncGenerator[Sentence]:
    """The same sentences. Closes them.

    Raises TooLarge before the sentence that would exceed `max_seconds` of sound.
    """
    samples = 0
    async with aclosing(sentences):
        async for sentence in sentences:
            samples += sentence.samples
            if samples > max_seconds * SAMPLE_RATE:
                raise too_long(field, f"is over {max_seconds:g} s of speech", max_seconds)
            yield sentence


def too_long(field: str, problem: str, max_seconds: float) -> TooLarge:
    return TooLarge(
        f"{field}: {problem}, the limit of one request is {max_seconds:g} s "
        "(MAX_SPEECH_SECONDS); send a shorter text, a higher speed, or a job, POST /v1/jobs",
        param=field,
        code="speech_too_long",
    )
