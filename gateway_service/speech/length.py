"""The seconds of sound that a text makes: estimated before any is made, counted while it is."""

import re
from collections.abc import Iterable, Iterator, Sequence

from client.chain import SAMPLE_RATE, Chain, Lexicon
from gateway_service.service_errors import as_api_errors
from gateway_service.speech.speaking import Sentence
from shared.http.errors import TooLarge
from shared.text.sentences import Piece

_SYMBOLS_A_SECOND = 16.0
"""The synthesizer's fastest pace, digits and signs written out: no text that fits is refused."""
_MAX_SYMBOLS_A_CHARACTER = 20
"""The most that one character becomes: "°C" is "degrees celsius"."""
_WRITTEN_OUT = re.compile(r"[^a-zA-Z\s.,;:!?'\"()-]")


def require_short(
    chain: Chain,
    pieces: Sequence[Piece],
    speed: float,
    max_seconds: float,
    field: str = "input",
    lexicon: Lexicon | None = None,
) -> None:
    """Raises TooLarge for a text of which more than `max_seconds` of sound would be made, as far as
    can be known; other ApiErrors as the synthesizer fails.

    field: what the caller calls the text. The synthesizer is asked only where that makes a
    difference.
    """
    pauses = sum(piece.pause for piece in pieces)
    in_letters = [len(_WRITTEN_OUT.sub("", piece.text)) for piece in pieces]
    rest = sum(len(piece.text) for piece in pieces) - sum(in_letters)

    def seconds(symbols: int) -> float:
        return (symbols / _SYMBOLS_A_SECOND + pauses) / speed

    if seconds(sum(in_letters) + _MAX_SYMBOLS_A_CHARACTER * rest) <= max_seconds:
        return
    symbols = sum(in_letters)
    if seconds(symbols) <= max_seconds:
        odd = [i for i, piece in enumerate(pieces) if in_letters[i] < len(piece.text)]
        with as_api_errors({"texts": field, "lexicon": "lexicon"}):
            spoken = chain.symbol_counts([pieces[i].text for i in odd], lexicon)
        symbols += sum(spoken) - sum(in_letters[i] for i in odd)
    if (estimated := seconds(symbols)) > max_seconds:
        raise _too_long(field, f"would be some {estimated:.0f} s of speech", max_seconds)


def within(
    sentences: Iterable[Sentence], max_seconds: float, field: str = "input"
) -> Iterator[Sentence]:
    """The same sentences. Raises TooLarge in place of one with which there would be more than
    `max_seconds` of sound: what is given out is whole, or is broken off."""
    samples = 0
    for sentence in sentences:
        samples += sentence.samples
        if samples > max_seconds * SAMPLE_RATE:
            raise _too_long(field, f"is over {max_seconds:g} s of speech", max_seconds)
        yield sentence


def _too_long(field: str, problem: str, max_seconds: float) -> TooLarge:
    return TooLarge(
        f"{field}: {problem}, at most {max_seconds:g} s are made in one request "
        "(MAX_SPEECH_SECONDS); send a shorter text, a higher speed, or a job, POST /v1/jobs",
        param=field,
        code="speech_too_long",
    )
