"""Samples of a WAV file that is still arriving."""

import struct
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from shared.audio.files import UNKNOWN_WAV_SIZE

Int16Array = NDArray[np.int16]

_ENDLESS = 2**63
_MAX_HEADER_BYTES = 2**16  # bytes


class NotWav(ValueError):
    pass


def samples_of_wav(chunks: Iterable[bytes], rate: int) -> Iterator[Int16Array]:
    """[n] int16 each, as the bytes come in, however they are cut. rate: Hz that the file must have.

    A data size of 0xFFFFFFFF means: to the end. Raises NotWav for anything but 16-bit mono PCM.
    """
    buffer = b""
    left = -1  # bytes of samples to come; negative while the header is incomplete
    for chunk in chunks:
        buffer += chunk
        if left < 0:
            header = _parse_header(buffer, rate)
            if header is None:
                continue
            start, left = header
            buffer = buffer[start:]
        whole = min(len(buffer), left) // 2 * 2
        if whole:
            yield np.frombuffer(buffer, "<i2", whole // 2).astype(np.int16, copy=False)
        buffer, left = buffer[whole:], left - whole
    if left < 0:
        raise NotWav("it ends within its header")
    if 1 < left < _ENDLESS // 2:
        raise NotWav(f"it ends {left} bytes early")


def _parse_header(head: bytes, rate: int) -> tuple[int, int] | None:
    """Where the samples begin and how many bytes they have; None if more has to arrive first."""
    if not b"RIFF".startswith(head[:4]) or not b"WAVE".startswith(head[8:12]):
        raise NotWav("no RIFF WAVE header")
    at, form = 12, None
    while len(head) >= at + 8:
        name, size = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"data":
            if form != (1, 1, rate, 16):
                raise NotWav(f"not 16-bit mono PCM of {rate} Hz, but {form}")
            return at, size if size != UNKNOWN_WAV_SIZE else _ENDLESS
        if name == b"fmt " and len(head) >= at + 16:
            kind, channels, file_rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            form = (kind, channels, file_rate, bits)
        at += size + size % 2
    if len(head) > _MAX_HEADER_BYTES:
        raise NotWav("no samples within the first 64 KiB")
    return None
