"""Sound files as OpenAI's API names them, encoded in memory while their samples are made.

24 kHz mono, which its clients assume of `pcm`. FFmpeg's libraries, which PyAV's wheel carries,
encode what is compressed; they write each packet as soon as it is full.
"""

import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from typing import Literal, get_args

import av
import numpy as np
from av.audio.stream import AudioStream

from client.chain import SAMPLE_RATE
from client.wav_stream import Int16Array
from gateway_service.settings import settings
from gateway_service.speech.flac_header import with_length
from shared.audio.files import (
    UNKNOWN_WAV_SIZE,
    encode_sound_stream,
    endless_wav_header,
    resample_stream,
    resampled_length,
)
from shared.audio.formats import FORMATS
from shared.audio.watermark import mark
from shared.http.tensors import Float32Array

ResponseFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
MEDIA_TYPES: dict[ResponseFormat, str] = {
    name: FORMATS[name].media_type for name in get_args(ResponseFormat)
}
"""opus is in Ogg, aac in ADTS frames; pcm is 16-bit little-endian samples without a header."""

RATE = 24_000  # Hz
_BLOCK = SAMPLE_RATE  # samples that are worked on at a time


@dataclass(frozen=True)
class _Codec:
    """container: FFmpeg's name of the file format, with the options of its writer.

    bit_rate: bits a second; 0 where nothing is lost.
    """

    container: str
    name: str
    bit_rate: int = 0
    options: dict[str, str] = field(default_factory=dict)


_CODECS: dict[ResponseFormat, _Codec] = {
    # A frame that counts the others could be written only at the end.
    "mp3": _Codec("mp3", "libmp3lame", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    # A page may hold a second of sound, which would be too late for who listens; microseconds.
    "opus": _Codec("ogg", "libopus", 48_000, {"page_duration": "100000"}),
    "aac": _Codec("adts", "aac", 96_000),
    "flac": _Codec("flac", "flac"),
}


def encode(
    chunks: Iterable[Int16Array], response_format: ResponseFormat, samples: int | None = None
) -> Generator[bytes]:
    """The bytes of a sound file of 24 kHz, none empty, from chunks of 16 kHz, as they come in.

    No chunk, no byte: an error before the first one comes before the header, too.
    samples: how many of 16 kHz there will be, for the headers of WAV and FLAC. If that is not
    known, WAV says 0xFFFFFFFF bytes, as is usual, and FLAC 0 samples, which libsndfile refuses.
    """
    chunks = iter(chunks)
    first = list(islice(chunks, 1))
    wav = resampled(chain(first, chunks), RATE)
    length = samples and resampled_length(samples, SAMPLE_RATE, RATE)
    match response_format:
        case "wav" | "pcm":
            encoded = encode_sound_stream(wav, RATE, length or 0, "pcm")
        case _:
            encoded = _compress(wav, _CODECS[response_format])
    if response_format == "wav":
        yield _wav_header(length)
    for part in filter(None, encoded):
        # Only its first part begins so.
        yield with_length(part, length) if length and part[:4] == b"fLaC" else part


def _wav_header(samples: int | None) -> bytes:
    header = endless_wav_header(RATE)
    size = 2 * (samples or 0)
    if not 0 < size < UNKNOWN_WAV_SIZE - len(header):
        return header
    return header[:4] + struct.pack("<I", size + 36) + header[8:40] + struct.pack("<I", size)


def resampled(chunks: Iterable[Int16Array], rate: int) -> Iterator[Float32Array]:
    """In ±1, at another rate than 16 kHz, marked as made here if the settings say so."""
    floats: Iterator[Float32Array] = (
        chunk[start : start + _BLOCK].astype(np.float32) / np.float32(32_767)
        for chunk in chunks
        for start in range(0, len(chunk), _BLOCK)
    )
    if settings.watermark:
        floats = mark(floats, settings.watermark_key.get_secret_value())
    return resample_stream(floats, SAMPLE_RATE, rate)


def _compress(wav: Iterable[Float32Array], codec: _Codec) -> Iterator[bytes]:
    sink = _Sink()
    options = {"flush_packets": "1", **codec.options}
    with av.open(sink, "w", format=codec.container, options=options) as container:
        stream = container.add_stream(codec.name, rate=RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = codec.bit_rate
        for frame in _frames(wav):
            container.mux(stream.encode(frame))
            yield sink.taken()
        container.mux(stream.encode(None))
    yield sink.taken()


def _frames(wav: Iterable[Float32Array]) -> Iterator[av.AudioFrame]:
    made = 0
    for chunk in filter(len, wav):
        frame = av.AudioFrame.from_ndarray(chunk.clip(-1, 1)[None], format="flt", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), made
        made += len(chunk)
        yield frame


class _Sink:
    """A file that is only written to, and forgets what has been taken from it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken
