"""A text in a voice, sentence by sentence, through the services."""

import math
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from client.chain import (
    SAMPLE_RATE,
    Chain,
    Lexicon,
    seed_or_new,
    silence,
    speakable_pieces,
    vocoded_length,
)
from client.wav_stream import Int16Array
from gateway_service.service_errors import as_api_errors
from gateway_service.speech.time_stretch import stretch
from shared.http.errors import InvalidRequest, TooLarge
from shared.http.tensors import Float32Array
from shared.text.markup import MarkupError, TextFormat
from shared.text.scripts import UnreadableScript, unreadable_letters
from shared.text.sentences import Piece

_MAX_FRAMES = 4_000
"""Of one call to the vocoder, which takes 4800; only slowed-down speech that did not end is
longer."""
_SURELY_SPEAKABLE = re.compile("[a-zA-Z0-9]")


@dataclass(frozen=True)
class Sentence:
    """A piece of text that is ready to be heard. Its mel has the speed that was asked for.

    pause: seconds of silence after it.
    """

    text: str
    mel: Float32Array  # [80, T]
    attention: Float32Array | None  # [S, L]
    pause: float

    @property
    def samples(self) -> int:
        """Of its sound, the pause included, at 16 kHz."""
        return sum(map(vocoded_length, _blocks(self.mel))) + len(silence(self.pause))


def pieces_of(
    text: str,
    field: str = "input",
    most: int | None = None,
    text_format: TextFormat = "plain",
) -> list[Piece]:
    """field: what the caller calls the text. most: pieces that are taken; any number if None.

    Raises InvalidRequest for nothing to say, a script that cannot be read and a pause that is too
    long, and TooLarge for too many pieces.
    """
    try:
        pieces = speakable_pieces(text, None if most is None else most + 1, text_format)
    except UnreadableScript as error:
        raise InvalidRequest(f"{field}: {error}", param=field, code="unreadable_script") from None
    except MarkupError as error:
        raise InvalidRequest(f"{field}: {error}", param=field, code="invalid_markup") from None
    except ValueError:
        raise InvalidRequest(
            f"{field}: there is nothing to say; send some text", param=field, code="empty"
        ) from None
    if most is not None and len(pieces) > most:
        raise TooLarge(
            f"{field}: has over {most} sentences, which is the most in one job; send the text in "
            "parts, or raise MAX_JOB_SENTENCES",
            param=field,
            code="too_many_sentences",
        )
    return pieces


def left_out(text: str) -> list[str]:
    """Notes on the words in other scripts that are not said."""
    return [
        f"{letters} letters in {script} were left out; English in Latin letters is read"
        for script, letters in sorted(unreadable_letters(text).items())
    ]


def check(
    chain: Chain,
    pieces: Sequence[Piece],
    field: str = "input",
    lexicon: Lexicon | None = None,
) -> None:
    """Raises InvalidRequest for a piece that the synthesizer cannot say, such as one in a script
    that it cannot read, and other ApiErrors."""
    doubtful = [piece.text for piece in pieces if not _SURELY_SPEAKABLE.search(piece.text)]
    with as_api_errors({"texts": field, "lexicon": "lexicon"}):
        chain.check_texts(doubtful, lexicon)


def say(
    chain: Chain,
    piece: Piece,
    voice_embed: Float32Array,
    *,
    speed: float = 1.0,
    seed: int | None = None,
    lexicon: Lexicon | None = None,
    max_seconds: float = math.inf,
) -> Generator[Int16Array]:
    """[n] int16 samples of 16 kHz each: one piece, and its pause. Raises ApiErrors, TooLarge for
    one of more than `max_seconds` before any sound of it."""
    (sentence,) = synthesize(chain, [piece], voice_embed, speed=speed, seed=seed, lexicon=lexicon)
    if sentence.samples > max_seconds * SAMPLE_RATE:
        seconds = sentence.samples / SAMPLE_RATE
        raise TooLarge(
            f"input: {piece.text[:40]!r} would be {seconds:.0f} s of speech, "
            f"a sentence may have {max_seconds:g} s (MAX_SENTENCE_SECONDS); say it in shorter ones",
            param="input",
            code="sentence_too_long",
        )
    yield from sound_of(chain, [sentence], seed)


def synthesize(
    chain: Chain,
    pieces: Sequence[Piece],
    voice_embed: Float32Array,
    *,
    speed: float = 1.0,
    seed: int | None = None,
    attention: bool = False,
    lexicon: Lexicon | None = None,
    field: str = "input",
) -> Generator[Sentence]:
    """The sentences one by one; the next is in the making while one is in use. Raises ApiErrors.

    field: what the caller calls the text.
    """
    texts = [piece.text for piece in pieces]
    with as_api_errors({"text": field, "lexicon": "lexicon"}):
        made = chain.synthesize_ahead(texts, voice_embed, seed_or_new(seed), attention, lexicon)
        for piece, synthesis in zip(pieces, made, strict=True):
            mel = stretch(synthesis.spec, speed)
            yield Sentence(piece.text, mel, synthesis.attention, piece.pause / speed)


def sound_of(
    chain: Chain, sentences: Iterable[Sentence], seed: int | None = None
) -> Generator[Int16Array]:
    """[n] int16 samples of 16 kHz each, as they are vocoded, with the pauses. Raises ApiErrors."""
    for sentence in sentences:
        with as_api_errors({}):  # a mel is ours, not the caller's
            for block in _blocks(sentence.mel):
                yield from chain.vocode(block, seed)
        yield silence(sentence.pause)


def _blocks(mel: Float32Array) -> Iterator[Float32Array]:
    for start in range(0, mel.shape[1], _MAX_FRAMES):
        yield mel[:, start : start + _MAX_FRAMES]
