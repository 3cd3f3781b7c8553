"""The pipeline from a text to sound: pieces of text, a mel for each, samples as they are vocoded.

The gateway, the jobs and the `better` command all speak through it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from client.async_chain import SAMPLE_RATE, AsyncChain, Synthesis
from client.options import SpeechOptions
from client.wav_stream import Int16Array
from shared.audio.mel import MEL_FORMAT
from shared.captions import WordTime, shifted, timed_tokens
from shared.http.tensors import Float32Array
from shared.text.markup import TextFormat
from shared.text.scripts import require_readable, without_unreadable
from shared.text.sentences import Piece, iter_sentences

_MAX_FRAMES = 4_000
"""Frames in one call to the vocoder, which takes 4800. Only slowed-down speech that did not end is
longer."""


@dataclass(frozen=True)
class Sentence:
    """A piece of text that is ready for the vocoder.

    mel: [80, T], stretched to the speed. attention: [S, L] or None. pause: seconds of silence
    after it. words: their times in seconds of the sentence's sound, or None.
    """

    text: str
    mel: Float32Array
    attention: Float32Array | None
    pause: float
    words: tuple[WordTime, ...] | None = None

    @property
    def samples(self) -> int:
        """Samples of 16 kHz that `sound_of` gives, the pause included."""
        return sum(map(vocoded_length, _blocks(self.mel))) + len(silence(self.pause))


def speakable_pieces(
    text: str, max_pieces: int | None = None, text_format: TextFormat = "plain"
) -> list[Piece]:
    """The pieces of a text in its order, without those that hold nothing to speak and without
    words in scripts that cannot be read.

    max_pieces: return no more than these; None for all. A text without letters and digits is
    returned whole, for the synthesizer to judge.

    Raises:
        UnreadableScript: most of the text is in another script.
        MarkupError: a pause is too long.
        ValueError: the text is empty.
    """
    require_readable(text)
    pieces = map(readable, iter_sentences(text, text_format=text_format))
    found = list(islice((piece for piece in pieces if piece.speakable), max_pieces))
    found = found or list(islice(iter_sentences(text, text_format=text_format), max_pieces))
    if not found:
        raise ValueError("the text is empty")
    return found


def readable(piece: Piece) -> Piece:
    """The piece without words in scripts that cannot be read."""
    content = without_unreadable(piece.content)
    if content is piece.content:
        return piece
    return replace(piece, text=" ".join(content.text.split()), content=content)


async def speak(
    chain: AsyncChain,
    text: str,
    embed: Float32Array,
    options: SpeechOptions,
    on_progress: Callable[[float], None] = lambda share: None,
    on_sentence: Callable[[Sentence], None] = lambda sentence: None,
) -> AsyncGenerator[Int16Array]:
    """[n] int16 samples of 16 kHz each: a text of any length, with pauses between sentences.

    embed: [256]. on_progress: called with the share that is done, 0 to 1. on_sentence: called with
    each sentence before its sound. Raises ChainError, and as `speakable_pieces`.
    """
    pieces = speakable_pieces(text, text_format=options.text_format)
    spoken = speak_pieces(chain, pieces, embed, options, on_progress, on_sentence)
    async with aclosing(spoken) as sound:
        async for samples in sound:
            yield samples


async def speak_pieces(
    chain: AsyncChain,
    pieces: Sequence[Piece],
    embed: Float32Array,
    options: SpeechOptions,
    on_progress: Callable[[float], None] = lambda share: None,
    on_sentence: Callable[[Sentence], None] = lambda sentence: None,
) -> AsyncGenerator[Int16Array]:
    """Speak pieces of a text, as `speak` does. embed: [256], or [n, 256], one for each piece."""
    options = options.with_seed()
    characters, spoken = sum(len(piece.text) for piece in pieces), 0
    async with aclosing(synthesize(chain, pieces, embed, options)) as sentences:
        async for sentence in sentences:
            on_sentence(sentence)
            made = 0
            async with aclosing(sound_of(chain, sentence, options)) as sound:
                async for samples in sound:
                    yield samples
                    made += len(samples)
                    share = min(1.0, made / sentence.samples)
                    on_progress((spoken + len(sentence.text) * share) / characters)
            spoken += len(sentence.text)
            on_progress(spoken / characters)


async def synthesize(
    chain: AsyncChain,
    pieces: Sequence[Piece],
    embed: Float32Array,
    options: SpeechOptions,
    *,
    attention: bool = False,
) -> AsyncGenerator[Sentence]:
    """The sentences one by one. The next is synthesized while the caller uses one.

    embed: [256], or [n, 256] with one for each piece. attention: request it too. Raises ChainError.
    """
    embeds = np.broadcast_to(embed, (len(pieces), embed.shape[-1]))
    seed = options.with_seed().seed

    # A task of its own, and no task group: a generator may be resumed by another task.
    def start(position: int) -> asyncio.Task[Synthesis]:
        task = asyncio.create_task(
            chain.synthesize(
                pieces[position].text,
                embeds[position],
                seed,
                attention,
                options.lexicon,
                options.timestamps,
            )
        )
        task.add_done_callback(_retrieve_error)
        return task

    ahead = start(0)
    try:
        for position, piece in enumerate(pieces):
            synthesis = await ahead
            if position + 1 < len(pieces):
                ahead = start(position + 1)
            mel = stretch(synthesis.spec, options.speed)
            words = synthesis.words and tuple(shifted(synthesis.words, 0, options.speed))
            pause = piece.pause / options.speed
            yield Sentence(piece.text, mel, synthesis.attention, pause, words)
    finally:
        ahead.cancel()


def timed_sentences(sentences: Iterable[Sentence]) -> list[list[WordTime]]:
    """The tokens of each sentence with their times in the whole sound, for captions."""
    timed, samples = [], 0
    for sentence in sentences:
        words = shifted(sentence.words or (), samples / SAMPLE_RATE)
        timed.append(timed_tokens(sentence.text, words))
        samples += sentence.samples
    return timed


def _retrieve_error(task: asyncio.Task[Synthesis]) -> None:
    """Mark the error as seen: nobody awaits the task if the generator was closed."""
    if not task.cancelled():
        task.exception()


async def sound_of_all(
    chain: AsyncChain, sentences: AsyncGenerator[Sentence], options: SpeechOptions
) -> AsyncGenerator[Int16Array]:
    """The sound of one sentence after the other, as `sound_of` gives it. Closes `sentences`."""
    async with aclosing(sentences):
        async for sentence in sentences:
            async with aclosing(sound_of(chain, sentence, options)) as sound:
                async for samples in sound:
                    yield samples


async def sound_of(
    chain: AsyncChain, sentence: Sentence, options: SpeechOptions
) -> AsyncGenerator[Int16Array]:
    """[n] int16 samples of 16 kHz each, as they are vocoded, then the pause. Raises ChainError."""
    for block in _blocks(sentence.mel):
        async with aclosing(chain.vocode(block, options.seed, options.temperature)) as vocoded:
            async for samples in vocoded:
                yield samples
    yield silence(sentence.pause)


def _blocks(mel: Float32Array) -> Iterator[Float32Array]:
    for start in range(0, mel.shape[1], _MAX_FRAMES):
        yield mel[:, start : start + _MAX_FRAMES]


def stretch(spec: Float32Array, speed: float) -> Float32Array:
    """[80, round(T / speed)], at least one frame, from a spec [80, T]: other pace, same pitch.

    Frames are interpolated linearly in decibels. Each band keeps its place, and so does the pitch.
    """
    if speed == 1:
        return spec
    frames = spec.shape[1]
    stretched = max(1, round(frames / speed))
    # A frame stands for its middle, so both ends are stretched alike.
    at = (np.arange(stretched) + 0.5) * frames / stretched - 0.5
    at = at.clip(0, frames - 1)
    before = np.minimum(at.astype(int), max(0, frames - 2))
    after = np.minimum(before + 1, frames - 1)
    weight = (at - before).astype(np.float32)
    result: Float32Array = spec[:, before] * (1 - weight) + spec[:, after] * weight
    return result


def vocoded_length(spec: Float32Array) -> int:
    """Samples of 16 kHz that the vocoder makes of a spec [80, T]: frames are hops apart."""
    frames: int = spec.shape[1]
    return max(1, frames - 1) * MEL_FORMAT.hop_length


def silence(seconds: float) -> Int16Array:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)
