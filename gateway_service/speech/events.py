"""Speech as server-sent events: OpenAI's speech.audio.delta and .done, and each sentence's mel
spectrogram and attention for who wants to draw them."""

from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from gateway_service.speech.speaking import Sentence
from shared.audio.mel import MEL_FORMAT
from shared.http.errors import ApiError
from shared.http.request_log import note_problem
from shared.http.tensors import Float32Array

Encoded = Callable[[Iterable[Sentence]], Iterator[bytes]]
"""The sound file of sentences, part by part."""


def speech_events(
    sentences: Iterable[Sentence],
    encoded: Encoded,
    *,
    count: int,
    characters: int,
    notes: Sequence[str] = (),
) -> Iterator[bytes]:
    """Raises an ApiError that comes before the first event; a later one is the last event.

    Sentences that have their attention are told of before they are heard; count: of them in all.
    Usage counts what the models count: `characters` in, mel frames out. The last event has the
    notes, if there are any.
    """
    begun = False
    try:
        for event in _events(sentences, encoded, count, characters, notes):
            yield b"data: %s\n\n" % orjson.dumps(event)
            begun = True
    except ApiError as error:
        note_problem(error.code)
        if not begun:
            raise
        yield b"data: %s\n\n" % orjson.dumps({"type": "error", **error.body()})


def _events(
    sentences: Iterable[Sentence],
    encoded: Encoded,
    count: int,
    characters: int,
    notes: Sequence[str],
) -> Iterator[dict[str, Any]]:
    told: deque[dict[str, Any]] = deque()
    samples = 0

    def watched() -> Iterator[Sentence]:
        nonlocal samples
        for index, sentence in enumerate(sentences):
            samples += sentence.samples
            if sentence.attention is not None:
                told.append(_details(sentence, sentence.attention, index, count))
            yield sentence

    for part in encoded(watched()):
        while told:
            yield told.popleft()
        yield {"type": "speech.audio.delta", "audio": b64encode(part).decode()}
    frames = samples // MEL_FORMAT.hop_length
    usage = {"input_tokens": characters, "output_tokens": frames}
    usage["total_tokens"] = characters + frames
    noted = {"notes": [*notes]} if notes else {}
    yield {"type": "speech.audio.done", "usage": usage, **noted}


def _details(sentence: Sentence, attention: Float32Array, index: int, count: int) -> dict[str, Any]:
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


def _bytes_of(values: Float32Array, low: float, high: float) -> str:
    """Base64 of one byte a value, row by row: 0 for `low`, 255 for `high`."""
    scaled = (values - low) * (255 / (high - low))
    return b64encode(scaled.round().clip(0, 255).astype(np.uint8).tobytes()).decode()
