"""An inaudible mark in the sound that the gateway gives out, and the search for it.

Spread spectrum in the spectrum's levels, after D. Kirovski and H. Malvar, "Spread-spectrum
watermarking of audio signals", IEEE Trans. Signal Processing 51(4), 2003. Time and frequency are
cut into tiles of 64 ms by 125 Hz. In each tile the level goes up a little for the first half and
down for the second, or the other way round, by a sign that the key draws. Whoever has the key adds
up the changes of level that the signs foretell: the speech's own changes cancel, the mark's do not.
As the mark is a share of the sound itself, the sound hides it, and there is none in silence.

The tiles lie between 281 and 3,406 Hz, which telephones, MP3 at low rates and 8 kHz files keep. The
pattern repeats every two seconds, and the search tries every shift: cutting does not remove it.
Changing the speed or the pitch does.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.mel import MEL_FORMAT
from shared.settings import PUBLIC_WATERMARK_KEY
from shared.tensors import Float32Array

Array = NDArray[Any]

SAMPLE_RATE = MEL_FORMAT.sample_rate

DEPTH_DB = 1.0  # up or down
FRAME = 512  # samples; 32 ms
HOP = FRAME // 2
TILES = 32  # in time, until the pattern repeats
HALF_TILE = 2  # hops
PERIOD = TILES * 2 * HALF_TILE  # hops
_BAND = 4  # bins of 31.25 Hz
_LOWEST_BIN = 9
BANDS = 25

_BLOCK = SAMPLE_RATE  # samples that are marked at a time

SEARCH_HOP = HOP // 2  # how finely the search tries shifts
_HALF = HALF_TILE * HOP // SEARCH_HOP  # search hops
_SHIFTS = TILES * 2 * _HALF
_WINDOW_SECONDS = 30.0
_LOUDNESS_RANGE = 1e-4  # of the loudest; quieter places hold no mark
_MOST_CHANGE = 1.5  # standard deviations; a larger change of level is speech

FOUND_SCORE = 6.0
"""Standard deviations; docs/watermark.md has the rate of false alarms."""
LEAST_SECONDS = 3.0
"""Of speech, for a mark to be found with certainty."""


@dataclass(frozen=True)
class Finding:
    """score: by how many standard deviations the levels follow the mark's pattern."""

    found: bool
    score: float
    seconds: float
    """Of sound that was searched."""


def mark(chunks: Iterable[Array], key: str = PUBLIC_WATERMARK_KEY) -> Iterator[Float32Array]:
    """The same sound with the mark in it, as many samples. It lags behind by 32 ms at most.

    chunks: [n] each, 16 kHz, one utterance after the other: the pattern goes on across them. What
    is kept while a reader is slow is a block of a second, however long they are.
    """
    gains = _gains(key)
    window = _sqrt_hann()
    pending = np.zeros(HOP, np.float32)  # so that the first samples lie in two frames as well
    tail, frame, owed, lead = np.zeros(HOP), 0, 0, HOP
    for block in _blocks(chunks):
        flushing = block is None
        new = np.zeros(2 * FRAME, np.float32) if block is None else block
        owed += 0 if flushing else len(new)
        pending = np.concatenate([pending, new])
        count = max(0, len(pending) // HOP - 1)
        if not count:
            continue
        frames = np.lib.stride_tricks.sliding_window_view(pending, FRAME)[: count * HOP : HOP]
        marked, tail = _marked(frames * window, gains[(frame + np.arange(count)) % PERIOD], tail)
        # Copies, as a view would keep the whole array that it is of.
        ready = marked[lead:][:owed].astype(np.float32)
        pending, frame = pending[count * HOP :].copy(), frame + count
        lead, owed = max(0, lead - count * HOP), owed - len(ready)
        del block, new, frames, marked
        if len(ready):
            yield ready


def _marked(frames: Array, gains: Array, tail: Array) -> tuple[Array, Array]:
    """The overlapped sound [count · HOP] of windowed frames [count, FRAME], and the new tail [HOP].

    tail: the second half of the frame before.
    """
    halves = (np.fft.irfft(np.fft.rfft(frames) * gains) * _sqrt_hann()).reshape(-1, 2, HOP)
    before = np.concatenate([tail[None], halves[:-1, 1]])
    return (halves[:, 0] + before).reshape(-1), halves[-1, 1].copy()


def find(wav: Float32Array, key: str = PUBLIC_WATERMARK_KEY) -> Finding:
    """Search [n] samples of 16 kHz, in ±1, for the mark of `key`. Long sound in windows of 30 s."""
    size = int(_WINDOW_SECONDS * SAMPLE_RATE)
    starts = range(0, max(1, len(wav) - size // 2), size // 2)
    score = max(score_of(changes_of(wav[start : start + size]), key) for start in starts)
    return Finding(score >= FOUND_SCORE, round(float(score), 2), len(wav) / SAMPLE_RATE)


def _signs(key: str) -> Array:
    """[TILES, BANDS] of ±1, drawn by the key."""
    drawn = hashlib.shake_256(key.encode()).digest(TILES * BANDS // 8)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8))
    return 1.0 - 2.0 * bits.reshape(TILES, BANDS)


def _gains(key: str) -> Array:
    """[PERIOD, bins]: what each frame's spectrum is multiplied by."""
    halves = np.repeat(np.stack([_signs(key), -_signs(key)], axis=1), HALF_TILE, axis=1)
    db = np.zeros((PERIOD, FRAME // 2 + 1))
    end = _LOWEST_BIN + BANDS * _BAND
    db[:, _LOWEST_BIN:end] = DEPTH_DB * np.repeat(halves.reshape(PERIOD, BANDS), _BAND, axis=1)
    gains: Array = 10 ** (db / 20)
    return gains


def _sqrt_hann() -> Array:
    window: Array = np.sin(np.pi * np.arange(FRAME) / FRAME)  # squared, two halves sum to one
    return window


def _blocks(chunks: Iterable[Array]) -> Iterator[Array | None]:
    """The chunks in blocks of a second at most, and None at their end."""
    for chunk in chunks:
        for start in range(0, len(chunk), _BLOCK):
            yield chunk[start : start + _BLOCK]
    yield None


def score_of(changes: Array, key: str) -> float:
    """The best of all shifts, in standard deviations of what sound without a mark gives."""
    match = changes @ _signs(key).T  # [N, TILES]
    energy = np.square(changes).sum(axis=1)  # [N]
    at = np.arange(len(changes))
    best = 0.0
    for shift in range(_SHIFTS):
        here = at[shift % (2 * _HALF) :: 2 * _HALF]  # where a tile begins
        tile = (here - shift) // (2 * _HALF) % TILES
        best = max(best, match[here, tile].sum() / np.sqrt(energy[here].sum() + 1e-9))
    return float(best)


def changes_of(wav: Float32Array) -> Array:
    """[N, BANDS]: how much louder each band is in 32 ms than in the next 32 ms, from every search
    hop on, less what its neighbours do, in standard deviations. N is 0 for sound of one tile."""
    if len(wav) < FRAME + 2 * _HALF * SEARCH_HOP:
        return np.zeros((0, BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(wav, FRAME)[::SEARCH_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32))) ** 2
    end = _LOWEST_BIN + BANDS * _BAND
    bands = power[:, _LOWEST_BIN:end].reshape(len(power), BANDS, _BAND).sum(axis=2)
    halves = _moving_mean(np.log(bands + 1e-12), _HALF)
    changes = halves[:-_HALF] - halves[_HALF:]
    changes -= _among_neighbours(changes)
    changes /= np.sqrt(np.square(changes).mean(axis=0)) + 1e-9
    np.clip(changes, -_MOST_CHANGE, _MOST_CHANGE, out=changes)
    loudness = _moving_mean(power.sum(axis=1, keepdims=True), 2 * _HALF)[:, 0]
    changes[loudness < _LOUDNESS_RANGE * loudness.max()] = 0
    return changes


def _moving_mean(rows: Array, n: int) -> Array:
    """[N, ...] -> [N - n + 1, ...]"""
    means: Array = np.lib.stride_tricks.sliding_window_view(rows, n, axis=0).mean(axis=-1)
    return means


def _among_neighbours(changes: Array) -> Array:
    """[N, BANDS]: the mean of five bands around each, over all."""
    wide = np.pad(changes, ((0, 0), (2, 2)), mode="edge")
    means: Array = np.lib.stride_tricks.sliding_window_view(wide, 5, axis=1).mean(axis=-1)
    return means
