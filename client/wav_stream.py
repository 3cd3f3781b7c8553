"""Decoder of a WAV file that is still arriving."""

import struct

import numpy as np
from numpy.typing import NDArray

from shared.audio.files import UNKNOWN_WAV_SIZE

Int16Array = NDArray[np.int16]

_UNBOUNDED = 2**63  # bytes
_MAX_HEADER_BYTES = 2**16


class NotWav(ValueError):
    """The bytes are not 16-bit mono PCM at the expected rate."""


class WavDecoder:
    """Samples from the bytes of a WAV file, however the bytes are cut.

    rate: Hz; the file must have it. A data size of 0xFFFFFFFF means until the end.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._buffer = b""
        self._remaining: int | None = None  # bytes of samples to come; None within the header

    def decode(self, data: bytes) -> Int16Array:
        """[n] int16, n >= 0: all samples that are complete now. Raises NotWav."""
        self._buffer += data
        if self._remaining is None and not self._read_header():
            return np.empty(0, np.int16)
        assert self._remaining is not None
        size = min(len(self._buffer), self._remaining) // 2 * 2
        samples = np.frombuffer(self._buffer, "<i2", size // 2).astype(np.int16, copy=False)
        self._buffer, self._remaining = self._buffer[size:], self._remaining - size
        return samples

    def flush(self) -> None:
        """Check that the file is complete. Raises NotWav."""
        if self._remaining is None:
            raise NotWav("it ends within its header")
        if 1 < self._remaining < _UNBOUNDED // 2:
            raise NotWav(f"it ends {self._remaining} bytes early")

    def _read_header(self) -> bool:
        found = _parse_header(self._buffer, self._rate)
        if found is None:
            return False
        start, self._remaining = found
        self._buffer = self._buffer[start:]
        return True


def _parse_header(head: bytes, rate: int) -> tuple[int, int] | None:
    """The offset of the samples and their size in bytes; None if the header is incomplete."""
    if not b"RIFF".startswith(head[:4]) or not b"WAVE".startswith(head[8:12]):
        raise NotWav("no RIFF WAVE header")
    at, form = 12, None
    while len(head) >= at + 8:
        name, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            if form != (1, 1, rate, 16):
                raise NotWav(f"not 16-bit mono PCM of {rate} Hz, but {form}")
            return at, size if size != UNKNOWN_WAV_SIZE else _UNBOUNDED
        if name == b"fmt " and len(head) >= at + 16:
            kind, channels, file_rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            form = (kind, channels, file_rate, bits)
        at += size + size % 2
    if len(head) > _MAX_HEADER_BYTES:
        raise NotWav("no samples within the first 64 KiB")
    return None
