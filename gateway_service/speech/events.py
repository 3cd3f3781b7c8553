"""Speech as server-sent events: OpenAI's speech.audio.delta and .done, and, for a client that
draws them, the mel spectrogram, attention and word times of each sentence."""

from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson

from client.async_chain import SAMPLE_RATE
from client.speech import Sentence
from shared.audio.mel import MEL_FORMAT
from shared.captions import WordTime, shifted
from shared.http.errors import ApiError
from shared.http.request_log import record_error_code
from shared.http.tensors import Float32Array

Event = dict[str, Any]
Encode = Callable[[AsyncGenerator[Sentence]], AsyncGenerator[bytes]]
"""Turns sentences into the parts of a sound file."""


async def speech_events(
    sentences: AsyncGenerator[Sentence],
    encode: Encode,
    *,
    count: int,
    characters: int,
    notes: Sequence[str] = (),
) -> AsyncGenerator[bytes]:
    """The events of a speech. An ApiError before the first event is raised, a later one is the last
    event.

    count: sentences in all. characters: input tokens of the usage, whose output tokens are mel
    frames. Details of a sentence come before its sound, if it has its attention. notes: on words
    that were left out; the last event has them.
    """
    has_begun = False
    try:
        async with aclosing(_events(sentences, encode, count, characters, notes)) as events:
            async for event in events:
                yield _line(event)
                has_begun = True
    except ApiError as error:
        record_error_code(error.code)
        if not has_begun:
            raise
        yield _line({"type": "error", **error.body()})


def _line(event: Event) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(event)


async def _events(
    sentences: AsyncGenerator[Sentence],
    encode: Encode,
    count: int,
    characters: int,
    notes: Sequence[str],
) -> AsyncGenerator[Event]:
    details: deque[Event] = deque()
    samples = 0

    async def observed() -> AsyncGenerator[Sentence]:
        nonlocal samples
        index = 0
        async with aclosing(sentences):
            async for sentence in sentences:
                start = samples / SAMPLE_RATE
                samples += sentence.samples
                if sentence.attention is not None:
                    details.append(_details(sentence, sentence.attention, index, count))
                if sentence.words is not None:
                    details.append(_words(sentence, sentence.words, index, start))
                yield sentence
                index += 1

    async with aclosing(encode(observed())) as parts:
        async for part in parts:
            while details:
                yield details.popleft()
            yield {"type": "speech.audio.delta", "audio": b64encode(part).decode()}
    frames = samples // MEL_FORMAT.hop_length
    usage = {"input_tokens": characters, "output_tokens": frames}
    usage["total_tokens"] = characters + frames
    noted = {"notes": [*notes]} if notes else {}
    yield {"type": "speech.audio.done", "usage": usage, **noted}


def _details(sentence: Sentence, attention: Float32Array, index: int, count: int) -> Event:
    steps, characters = attention.shape
    return {
        "type": "speech.sentence.details",
        "index": index,
        "count": count,
        "text": sentence.text,
        "mel": _bytes_of(sentence.mel, -MEL_FORMAT.max_abs, MEL_FORMAT.max_abs),
        "mel_frames": sentence.mel.shape[1],
        "attention": _bytes_of(attention, 0, 1),
        "steps": steps,
        "characters": characters,
    }


def _words(sentence: Sentence, words: Sequence[WordTime], index: int, start: float) -> Event:
    """start: of the sentence, in seconds of the whole sound."""
    return {
        "type": "speech.sentence.words",
        "index": index,
        "text": sentence.text,
        "start": round(start, 3),
        "end": round(start + sentence.samples / SAMPLE_RATE - sentence.pause, 3),
        "words": [
            {"word": word, "start": round(begin, 3), "end": round(end, 3)}
            for word, begin, end in shifted(words, start)
        ],
    }


def _bytes_of(values: Float32Array, low: float, high: float) -> str:
    """Base64 of one byte a value, row by row: 0 for `low`, 255 for `high`."""
    scaled = (values - low) * (255 / (high - low))
    return b64encode(scaled.round().clip(0, 255).astype(np.uint8).tobytes()).decode()
