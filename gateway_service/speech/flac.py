"""FLAC: the sound of one sentence as it is stored, and the length in a file's header.

The header counts the samples in its first bytes; 0 means that the writer did not know.
"""

import io

import numpy as np
import soundfile

from client.async_chain import SAMPLE_RATE
from client.wav_stream import Int16Array

HEAD_BYTES = 26
"""The first bytes of a file, which hold the whole count."""

_FIELD = slice(18, HEAD_BYTES)
_COUNT = 2**36 - 1  # the low bits of these 8 bytes of STREAMINFO count the samples


def encode_flac(samples: Int16Array) -> bytes:
    """A FLAC file from [n] int16 samples of 16 kHz."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(flac: bytes) -> Int16Array:
    """[n] int16 samples of 16 kHz, from a file of `encode_flac`."""
    samples, _ = soundfile.read(io.BytesIO(flac), dtype="int16")
    return np.asarray(samples, np.int16)


def length_of(head: bytes) -> int:
    """Samples of each channel. head: the first HEAD_BYTES or more."""
    return int.from_bytes(head[_FIELD], "big") & _COUNT


def with_length(head: bytes, samples: int) -> bytes:
    """The same bytes with another length. head: the first HEAD_BYTES or more."""
    field = int.from_bytes(head[_FIELD], "big") & ~_COUNT | samples
    return head[: _FIELD.start] + field.to_bytes(8, "big") + head[_FIELD.stop :]
