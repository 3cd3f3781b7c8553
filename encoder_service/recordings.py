"""Reference recordings of any length, cut down to the best MAX_CLIP_SECONDS of them."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from encoder_service.hparams import SAMPLING_RATE
from encoder_service.measures import Array, clipped_share, snr_db
from encoder_service.preprocess import normalise_volume, remove_offset, voiced_windows
from shared.audio.decoding import Block
from shared.audio.files import (
    MAX_READ_SECONDS,
    Clip,
    joined,
    readable_blocks,
    resample_stream,
)
from shared.http.errors import TooLarge

STEP_SECONDS = 1  # a score for each
MAX_WHOLE_RATE = 48_000  # Hz; sound at higher rates is resampled while it is read
FULL_SNR_DB = 20.0  # fluent speech has no more within a second


@dataclass(frozen=True)
class Recording:
    """wav: [n] in ±1 at `rate` Hz. warnings, notes: as in ClipReport."""

    wav: Array
    rate: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_recording(data: bytes, max_seconds: float) -> Recording:
    """Read a sound file as far as possible, and keep its best `max_seconds`.

    Raises UnsupportedMediaType or InvalidRequest.
    """
    warnings: list[str] = []
    notes: list[str] = []
    blocks = _until_limit(readable_blocks(data, MAX_READ_SECONDS, warnings), notes)
    short, seconds = [], 0.0
    for rate, wav in blocks:
        short.append((rate, wav))
        seconds += len(wav) / rate
        if seconds > max_seconds or rate > MAX_WHOLE_RATE:
            whole = _at_16_khz(chain(short, blocks), rate)
            best = shortened(Clip(whole, SAMPLING_RATE), max_seconds)
            return replace(best, warnings=tuple(warnings), notes=(*notes, *best.notes))
    clip = joined(short)
    return Recording(clip.wav, clip.rate, tuple(warnings), tuple(notes))


def shortened(clip: Clip, max_seconds: float) -> Recording:
    """The best `max_seconds` of a clip; the clip itself if it is no longer."""
    if len(clip.wav) <= max_seconds * clip.rate:
        return Recording(clip.wav, clip.rate)
    best, note = best_part(_at_16_khz([(clip.rate, clip.wav)], clip.rate), max_seconds)
    return Recording(best, SAMPLING_RATE, notes=(note,))


def best_part(wav: Array, max_seconds: float) -> tuple[Array, str]:
    """The stretch with the most clear speech, and a note that says where it lies.

    wav: [n] at 16 kHz, longer than `max_seconds`. Returns [max_seconds × 16000].
    """
    length, step = int(max_seconds * SAMPLING_RATE), STEP_SECONDS * SAMPLING_RATE
    scores = [_score(wav[i : i + step]) for i in range(0, len(wav), step)]
    width = min(len(scores), math.ceil(length / step))
    best = int(np.convolve(scores, np.ones(width), "valid").argmax())
    start = min(best * step, len(wav) - length)
    minutes, seconds = divmod(start // SAMPLING_RATE, 60)
    return wav[start : start + length], (
        f"the recording is {len(wav) / SAMPLING_RATE:.0f} s long; the best {max_seconds:g} s of it "
        f"are used, from {minutes}:{seconds:02d} on"
    )


def _until_limit(blocks: Iterator[Block], notes: list[str]) -> Iterator[Block]:
    """The blocks of the first MAX_READ_SECONDS."""
    try:
        yield from blocks
    except TooLarge:
        notes.append(f"only the first {MAX_READ_SECONDS / 60:g} minutes of the file were read")


def _at_16_khz(blocks: Iterable[Block], rate: int) -> Array:
    """[n], at most MAX_READ_SECONDS: 38 MB. A list of blocks and its sum would take twice that."""
    wav, n = np.empty(int(MAX_READ_SECONDS * SAMPLING_RATE), np.float32), 0
    for chunk in resample_stream((block for _, block in blocks), rate, SAMPLING_RATE):
        kept = chunk[: len(wav) - n]
        wav[n : n + len(kept)] = kept
        n += len(kept)
    return wav[:n]


def _score(wav: Array) -> float:
    """Windows with voice in a second of sound, weighted by their clearness."""
    voiced = voiced_windows(normalise_volume(remove_offset(wav)))
    clearness = min(snr_db(wav, voiced), FULL_SNR_DB) / FULL_SNR_DB
    unclipped = 1 - min(1.0, 10 * clipped_share(wav))
    return float(voiced.sum()) * (0.1 + clearness) * (0.1 + unclipped)
