"""An inaudible watermark in the gateway's sound, and its detector.

Spread spectrum in the spectrum's levels, after D. Kirovski and H. Malvar, "Spread-spectrum
watermarking of audio signals", IEEE Trans. Signal Processing 51(4), 2003. Time and frequency are
cut into tiles of 64 ms by 125 Hz. In each tile the level goes up a little for the first half and
down for the second, or the other way round, by a sign drawn from the key. The detector adds up the
changes of level along those signs: the speech's own changes cancel, the mark's do not. The mark is
a share of the sound, so the sound masks it, and silence has none.

The tiles lie between 281 and 3,406 Hz, which telephones, MP3 at low rates and 8 kHz files keep. The
pattern repeats every two seconds, and the search tries every shift: cutting does not remove it. It
also tries playback speeds of 0.9 to 1.1, which move the tiles in time and in frequency. Larger
changes remove the mark, and so does a change of speed alone or of pitch alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from shared.settings import PUBLIC_WATERMARK_KEY

Array = NDArray[Any]

SAMPLE_RATE = MEL_FORMAT.sample_rate

DEPTH_DB = 1.0  # up or down
FRAME = 512  # samples; 32 ms
HOP = FRAME // 2
TILES = 32  # in time, until the pattern repeats
HALF_TILE = 2  # hops
PERIOD = TILES * 2 * HALF_TILE  # hops
_BAND = 4  # bins of 31.25 Hz
_MIN_BIN = 9
BANDS = 25

_BLOCK = SAMPLE_RATE  # samples marked at a time

SEARCH_HOP = HOP // 2  # resolution of the shifts that the search tries
_HALF = HALF_TILE * HOP // SEARCH_HOP  # search hops
_PERIOD = TILES * 2 * _HALF  # search hops
WINDOW = 30 * SAMPLE_RATE
OVERLAP = WINDOW // 2
_SPEED_STEPS = 20  # of half a percent, to either side
OTHER_SPEEDS = tuple(1 + step / 200 for step in range(-_SPEED_STEPS, _SPEED_STEPS + 1) if step)
_PIECE = 5  # periods, 10 s: at a speed between two that are tried, the tiles run apart after more
OTHER_SPEEDS_COST = 1.5
"""Standard deviations subtracted from a score at another speed. The 40 additional searches of three
pieces each would raise more false alarms; each 0.5 makes one ten times rarer."""
_LOUDNESS_RANGE = 1e-4  # of the loudest; quieter places hold no mark
_MAX_CHANGE = 1.5  # standard deviations; a larger change of level is speech

FOUND_SCORE = 6.0
"""Standard deviations; docs/watermark.md has the rate of false alarms."""
MIN_SECONDS = 3.0
"""Length of speech in which a mark is found with certainty."""


@dataclass(frozen=True)
class Finding:
    """score: agreement of the levels with the mark's pattern, in standard deviations."""

    found: bool
    score: float
    seconds: float
    """Length of the searched sound."""


class Watermarker:
    """Puts the mark into sound that arrives in chunks. It lags behind by 32 ms at most.

    The pattern continues from chunk to chunk, so one watermarker is for one stream of sound.
    start: samples of the same sound that others have marked; the pattern continues there.
    """

    def __init__(self, key: str = PUBLIC_WATERMARK_KEY, start: int = 0) -> None:
        self._gains = _gains(key)
        self._window = _sqrt_hann()
        # Half a frame of silence first, so that the first samples too lie in two frames.
        self._pending = np.zeros(HOP, np.float32)
        self._tail: Array = np.zeros(HOP)
        self._frame, self._owed, self._lead = round(start / HOP), 0, HOP

    def mark(self, chunk: Array) -> Float32Array:
        """[m]: the marked samples that are ready, from [n] samples of 16 kHz in ±1."""
        self._owed += len(chunk)
        return self._advance(chunk)

    def flush(self) -> Float32Array:
        """[m]: the rest, so that there are as many samples as came in."""
        return self._advance(np.zeros(2 * FRAME, np.float32))

    def _advance(self, new: Array) -> Float32Array:
        pending = np.concatenate([self._pending, new])
        count = max(0, len(pending) // HOP - 1)
        if not count:
            self._pending = pending
            return np.empty(0, np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(pending, FRAME)[: count * HOP : HOP]
        gains = self._gains[(self._frame + np.arange(count)) % PERIOD]
        marked, self._tail = _marked(frames * self._window, gains, self._tail)
        # Copies, because a view would keep the whole array.
        ready: Float32Array = marked[self._lead :][: self._owed].astype(np.float32)
        self._pending = pending[count * HOP :].copy()
        self._frame += count
        self._lead, self._owed = max(0, self._lead - count * HOP), self._owed - len(ready)
        return ready


def mark(chunks: Iterable[Array], key: str = PUBLIC_WATERMARK_KEY) -> Iterator[Float32Array]:
    """The same sound with the mark in it, as many samples.

    chunks: [n] each, 16 kHz. They are marked in blocks of a second, which bounds the memory that a
    slow reader holds.
    """
    marker = Watermarker(key)
    for block in _blocks(chunks):
        if len(ready := marker.flush() if block is None else marker.mark(block)):
            yield ready
        del block, ready


def _marked(frames: Array, gains: Array, tail: Array) -> tuple[Array, Array]:
    """The overlapped sound [count · HOP] of windowed frames [count, FRAME], and the new tail [HOP].

    tail: the second half of the frame before.
    """
    halves = (np.fft.irfft(np.fft.rfft(frames) * gains) * _sqrt_hann()).reshape(-1, 2, HOP)
    before = np.concatenate([tail[None], halves[:-1, 1]])
    return (halves[:, 0] + before).reshape(-1), halves[-1, 1].copy()


def find(wav: Float32Array, key: str = PUBLIC_WATERMARK_KEY) -> Finding:
    """Search [n] samples of 16 kHz, in ±1, for the mark of `key`."""
    return find_in_stream([wav], key)


def find_in_stream(chunks: Iterable[Float32Array], key: str = PUBLIC_WATERMARK_KEY) -> Finding:
    """Search a stream of sound in windows of 30 s with half overlap.

    chunks: [n] samples of 16 kHz each.
    """
    signs, score, samples = signs_of(key), 0.0, 0
    for window, new in windows_of(chunks):
        samples += new
        spectrum = spectrum_of(window)
        score = max(score, score_at_own_speed(spectrum, signs))
        if score < FOUND_SCORE:
            score = max(score, score_at_other_speeds(spectrum, signs))
    return Finding(score >= FOUND_SCORE, round(score, 2), samples / SAMPLE_RATE)


def windows_of(chunks: Iterable[Float32Array]) -> Iterator[tuple[Float32Array, int]]:
    """Windows [n], each with the number of its samples that no earlier window held.

    A short rest that lies within the last window makes no window.
    """
    pending, covered = np.zeros(0, np.float32), 0
    for chunk in chunks:
        for start in range(0, len(chunk), OVERLAP):  # so that a long chunk is not copied often
            pending = np.concatenate([pending, chunk[start : start + OVERLAP]])
            while len(pending) >= WINDOW:
                yield pending[:WINDOW], WINDOW - covered
                pending, covered = pending[OVERLAP:], WINDOW - OVERLAP
    if len(pending) > covered or not covered:
        yield pending, len(pending) - covered


def signs_of(key: str) -> Array:
    """[TILES, BANDS] of ±1, drawn by the key."""
    drawn = hashlib.shake_256(key.encode()).digest(TILES * BANDS // 8)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8))
    return 1.0 - 2.0 * bits.reshape(TILES, BANDS)


def _gains(key: str) -> Array:
    """[PERIOD, bins]: factors for the spectrum of each frame."""
    halves = np.repeat(np.stack([signs_of(key), -signs_of(key)], axis=1), HALF_TILE, axis=1)
    db = np.zeros((PERIOD, FRAME // 2 + 1))
    end = _MIN_BIN + BANDS * _BAND
    db[:, _MIN_BIN:end] = DEPTH_DB * np.repeat(halves.reshape(PERIOD, BANDS), _BAND, axis=1)
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


def score_at_own_speed(spectrum: Array, signs: Array) -> float:
    """In standard deviations of the score of unmarked sound."""
    return _best(_changes(spectrum, 1.0), signs)


def score_at_other_speeds(spectrum: Array, signs: Array) -> float:
    """The best, less OTHER_SPEEDS_COST."""
    scores = (_best(_changes(spectrum, speed), signs, _PIECE) for speed in OTHER_SPEEDS)
    return max(scores) - OTHER_SPEEDS_COST


def _best(changes: Array, signs: Array, piece: int | None = None) -> float:
    """The best score of all shifts. piece: periods scored at a time; all of them if None."""
    periods = -(-changes.shape[1] // _PERIOD)
    pieces = -(-periods // (piece or periods)) if periods else 0
    if not pieces:
        return 0.0
    padding = pieces * (piece or periods) * _PERIOD - changes.shape[1]
    folded = pieces, -1, TILES, 2 * _HALF  # of each piece: periods, tiles, hops within a tile
    match = np.pad(signs @ changes, ((0, 0), (0, padding)))  # [TILES, hops]
    match = match.reshape(TILES, *folded).sum(axis=2)  # [TILES, pieces, TILES, hops]
    energy = np.pad(np.square(changes).sum(axis=0), (0, padding)).reshape(folded).sum(axis=(1, 2))
    tile = np.arange(TILES)
    shifted = sum(match[tile[at] - tile, :, at] for at in range(TILES))  # [shifts, pieces, hops]
    return float((shifted / np.sqrt(energy + 1e-9)).max())


def spectrum_of(wav: Float32Array) -> Array:
    """[bins, N]: power below the lower edge of each bin, for each search hop.

    The last bin holds the whole power. N is 0 for sound shorter than a frame.
    """
    if len(wav) < FRAME:
        return np.zeros((FRAME // 2 + 2, 0))
    frames = np.lib.stride_tricks.sliding_window_view(wav, FRAME)[::SEARCH_HOP]
    window = np.hanning(FRAME).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    spectrum = np.zeros((power.shape[1] + 1, len(power)))
    np.cumsum(power.T, axis=0, out=spectrum[1:])
    return spectrum


def _changes(spectrum: Array, speed: float) -> Array:
    """[BANDS, M]: change of level from a half tile to the next, for each search hop at this speed.

    In standard deviations, after the mean change of the neighbouring bands is subtracted. M is 0
    for sound shorter than a tile.
    """
    hop = 1 / speed
    count = int((spectrum.shape[1] - 2 * _HALF * hop) / hop + 1e-6) + 1
    if count < 1:
        return np.zeros((BANDS, 0))
    edges = (_MIN_BIN + _BAND * np.arange(BANDS + 1) - 0.5) * speed + 0.5  # bins
    bands = np.diff(_at(spectrum, edges, axis=0), axis=0).clip(0)  # [BANDS, N]
    positions = hop * np.arange(count + 2 * _HALF)  # search hops of the sound
    levels = _at(_cumulated(np.log(bands + 1e-12)), positions, axis=1)
    before, between, after = (levels[:, _HALF * i : _HALF * i + count] for i in range(3))
    changes = ((2 * between - before - after) * (speed / _HALF)).astype(np.float32)
    changes -= _among_neighbours(changes)
    changes /= np.sqrt(np.square(changes).mean(axis=1, keepdims=True)) + 1e-9
    np.clip(changes, -_MAX_CHANGE, _MAX_CHANGE, out=changes)
    loudness = _at(_cumulated(spectrum[-1:]), positions, axis=1)[0]
    loudness = loudness[2 * _HALF :] - loudness[: -2 * _HALF]
    changes[:, loudness < _LOUDNESS_RANGE * loudness.max()] = 0
    return changes


def _cumulated(rows: Array) -> Array:
    """[..., N] -> [..., N + 1]: the sum of all earlier values."""
    return np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0)))


def _at(rows: Array, positions: Array, axis: int) -> Array:
    """Interpolate between the rows (axis 0) or the columns (axis 1)."""
    whole = np.minimum(positions.astype(int), rows.shape[axis] - 2)
    part = np.expand_dims(positions - whole, 1 - axis)
    low = rows.take(whole, axis)
    between: Array = low + (rows.take(whole + 1, axis) - low) * part
    return between


def _among_neighbours(changes: Array) -> Array:
    """[BANDS, M]: the mean over the five bands around each."""
    wide = np.pad(changes, ((2, 2), (0, 0)), mode="edge")
    means: Array = np.mean([wide[band : band + BANDS] for band in range(5)], axis=0)
    return means
