"""The pipeline of speech for the gateway's callers: its errors name their fields."""

import math
import re
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing

from client import speech
from client.async_chain import SAMPLE_RATE, AsyncChain
from client.chain import Chain
from client.options import Lexicon, SpeechOptions
from client.speech import Sentence, speakable_pieces
from client.wav_stream import Int16Array
from gateway_service.service_calls import as_api_errors
from shared.http.errors import InvalidRequest, TooLarge
from shared.http.tensors import Float32Array
from shared.text.blocks import MarkupError
from shared.text.markup import TextFormat
from shared.text.scripts import UnreadableScript, require_readable, unreadable_letters
from shared.text.sentences import Piece

_SURELY_SPEAKABLE = re.compile("[a-zA-Z0-9]")


def pieces_of(
    text: str,
    field: str = "input",
    max_pieces: int | None = None,
    text_format: TextFormat = "plain",
) -> list[Piece]:
    """The pieces of text to speak. field: the caller's name for the text.

    Raises InvalidRequest for a text without anything to speak, an unreadable script and a pause
    that is too long; TooLarge for more than `max_pieces` pieces.
    """
    enough = None if max_pieces is None else max_pieces + 1
    try:
        pieces = speakable_pieces(text, enough, text_format)
    except UnreadableScript as error:
        raise InvalidRequest(f"{field}: {error}", param=field, code="unreadable_script") from None
    except MarkupError as error:
        raise InvalidRequest(f"{field}: {error}", param=field, code="invalid_markup") from None
    except ValueError:
        raise InvalidRequest(
            f"{field}: is blank; send some text", param=field, code="empty"
        ) from None
    if max_pieces is not None and len(pieces) > max_pieces:
        raise too_many_sentences(field, max_pieces)
    return pieces


def readable(piece: Piece, field: str) -> Piece:
    """A piece without words in other scripts. field: the caller's name for the text.

    Raises InvalidRequest if most of it is in another script.
    """
    try:
        require_readable(piece.text)
    except UnreadableScript as error:
        raise InvalidRequest(f"{field}: {error}", param=field, code="unreadable_script") from None
    return speech.readable(piece)


def too_many_sentences(field: str, max_pieces: int) -> TooLarge:
    return TooLarge(
        f"{field}: has over {max_pieces} sentences, the limit of one job; send the text in "
        "parts, or raise MAX_JOB_SENTENCES",
        param=field,
        code="too_many_sentences",
    )


def left_out(text: str) -> list[str]:
    """Notes on words in other scripts, which are not spoken."""
    return [
        f"{letters} letters in {script} were left out; English in Latin letters is read"
        for script, letters in sorted(unreadable_letters(text).items())
    ]


async def check(
    chain: AsyncChain,
    pieces: Sequence[Piece],
    field: str = "input",
    lexicon: Lexicon | None = None,
) -> None:
    """Check that the synthesizer can speak every piece.

    Raises InvalidRequest that names the first it cannot, and other ApiErrors.
    """
    doubtful = [piece.text for piece in pieces if not _SURELY_SPEAKABLE.search(piece.text)]
    with as_api_errors({"texts": field, "lexicon": "lexicon"}):
        await chain.check_texts(doubtful, lexicon)


async def synthesize(
    chain: AsyncChain,
    pieces: Sequence[Piece],
    voice_embed: Float32Array,
    options: SpeechOptions,
    *,
    attention: bool = False,
    field: str = "input",
) -> AsyncGenerator[Sentence]:
    """The sentences one by one; the next is synthesized while the caller uses one.

    field: the caller's name for the text. Raises ApiErrors.
    """
    with as_api_errors({"text": field, "lexicon": "lexicon"}):
        made = speech.synthesize(chain, pieces, voice_embed, options, attention=attention)
        async with aclosing(made) as sentences:
            async for sentence in sentences:
                yield sentence


async def sound_of(
    chain: AsyncChain, sentences: AsyncGenerator[Sentence], options: SpeechOptions
) -> AsyncGenerator[Int16Array]:
    """[n] int16 samples of 16 kHz each, as they are vocoded, with the pauses. Closes `sentences`.

    Raises ApiErrors.
    """
    with as_api_errors({}):  # the caller sent no mel, so no error of the vocoder names a field
        async with aclosing(speech.sound_of_all(chain, sentences, options)) as sound:
            async for samples in sound:
                yield samples


def say(
    chain: Chain,
    piece: Piece,
    voice_embed: Float32Array,
    options: SpeechOptions | None = None,
    *,
    max_seconds: float = math.inf,
    on_sentence: Callable[[Sentence], None] = lambda sentence: None,
) -> Generator[Int16Array]:
    """[n] int16 samples of 16 kHz each: one piece and its pause, for code that blocks.
    on_sentence: called with the sentence before its sound.

    Raises ApiErrors, among them TooLarge before any sound for a piece of over `max_seconds`.
    """
    options = (options or SpeechOptions()).with_seed()
    with as_api_errors({"text": "input", "lexicon": "lexicon"}):
        (sentence,) = chain.sentences([piece], voice_embed, options)
    if sentence.samples > max_seconds * SAMPLE_RATE:
        seconds = sentence.samples / SAMPLE_RATE
        raise TooLarge(
            f"input: {piece.text[:40]!r} would be {seconds:.0f} s of speech, the limit of a "
            f"sentence is {max_seconds:g} s (MAX_SENTENCE_SECONDS); write shorter sentences",
            param="input",
            code="sentence_too_long",
        )
    on_sentence(sentence)
    with as_api_errors({}):
        yield from chain.sound_of(sentence, options)
