"""Sound files as OpenAI's API names them, encoded in memory while their samples are made.

24 kHz mono, which OpenAI's clients assume of `pcm`. FFmpeg's libraries, bundled in PyAV's wheel,
encode the compressed formats and write each packet as soon as it is full.
"""

import struct
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol, get_args

import av
import numpy as np
from anyio import CapacityLimiter, to_thread
from av.audio.stream import AudioStream

from client.async_chain import SAMPLE_RATE
from client.wav_stream import Int16Array
from gateway_service.speech.flac import with_length
from shared.audio.files import (
    UNKNOWN_WAV_SIZE,
    Resampler,
    encode_sound,
    endless_wav_header,
    resampled_length,
)
from shared.audio.formats import FORMATS
from shared.audio.watermark import Watermarker
from shared.http.tensors import Float32Array
from shared.settings import PUBLIC_WATERMARK_KEY

ResponseFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
MEDIA_TYPES: dict[ResponseFormat, str] = {
    name: FORMATS[name].media_type for name in get_args(ResponseFormat)
}
"""opus is in Ogg, aac in ADTS frames; pcm is 16-bit little-endian samples without a header."""

RATE = 24_000  # Hz
_BLOCK = SAMPLE_RATE  # samples encoded at a time, which bounds the memory
_threads = CapacityLimiter(4)
"""Threads that encode, as many as the gateway speaks at a time by default."""


class Encoder(Protocol):
    """Bytes of a sound file from [n] int16 samples of 16 kHz, chunk by chunk."""

    def encode(self, samples: Int16Array) -> bytes:
        """The bytes that are ready; there may be none."""

    def flush(self) -> bytes:
        """The last bytes."""

    def close(self) -> None:
        """Release resources, after `flush` or in its place."""


class MarkedSound:
    """Samples in ±1 at another rate than 16 kHz, with the mark of a key unless that is None.

    start: samples of 16 kHz that come before, for a mark that continues.
    """

    def __init__(self, rate: int, watermark_key: str | None, start: int = 0) -> None:
        self._marker = None if watermark_key is None else Watermarker(watermark_key, start)
        self._resampler = Resampler(SAMPLE_RATE, rate)

    def process(self, samples: Int16Array) -> Float32Array:
        wav = samples.astype(np.float32) / np.float32(32_767)
        return self._resampler.resample(self._marker.mark(wav) if self._marker else wav)

    def flush(self) -> Float32Array:
        rest = self._marker.flush() if self._marker else np.empty(0, np.float32)
        return np.concatenate([self._resampler.resample(rest), self._resampler.flush()])


class SoundEncoder:
    """A sound file of 24 kHz.

    samples: the number of 16 kHz samples to come, for the headers of WAV and FLAC. Without it, WAV
    says 0xFFFFFFFF bytes, as is usual, and FLAC 0 samples, which libsndfile rejects.
    watermark_key: of the mark; None for no mark. start: as for MarkedSound.
    """

    def __init__(
        self,
        response_format: ResponseFormat,
        samples: int | None = None,
        watermark_key: str | None = PUBLIC_WATERMARK_KEY,
        start: int = 0,
    ) -> None:
        self._sound = MarkedSound(RATE, watermark_key, start)
        self._length = resampled_length(samples, SAMPLE_RATE, RATE) if samples else 0
        self._header = _wav_header(self._length) if response_format == "wav" else b""
        codec = _CODECS.get(response_format)
        self._compressor = _Compressor(codec) if codec else None

    def encode(self, samples: Int16Array) -> bytes:
        wav = self._sound.process(samples)
        return self._with_header(self._compressor.encode(wav) if self._compressor else _pcm(wav))

    def flush(self) -> bytes:
        rest = self._sound.flush()
        if not self._compressor:
            return self._with_header(_pcm(rest))
        return self._with_header(self._compressor.encode(rest) + self._compressor.flush())

    def close(self) -> None:
        if self._compressor:
            self._compressor.close()

    def _with_header(self, part: bytes) -> bytes:
        header, self._header = self._header, b""
        if self._length and part[:4] == b"fLaC":  # only a file's first part begins so
            part = with_length(part, self._length)
        return header + part


def encode(
    chunks: Iterable[Int16Array],
    response_format: ResponseFormat,
    samples: int | None = None,
    watermark_key: str | None = PUBLIC_WATERMARK_KEY,
) -> Generator[bytes]:
    """The bytes of a sound file of 24 kHz, none empty, from chunks of 16 kHz, as they come in.

    samples, watermark_key: as for SoundEncoder. An error of the first chunk comes before any byte.
    """
    with closing(SoundEncoder(response_format, samples, watermark_key)) as encoder:
        for chunk in chunks:
            yield from filter(None, map(encoder.encode, _blocks(chunk)))
        if part := encoder.flush():
            yield part


async def encode_async(
    chunks: AsyncGenerator[Int16Array], encoder: Encoder
) -> AsyncGenerator[bytes]:
    """Encode each block in a worker thread. Closes the chunks and the encoder."""
    with closing(encoder):
        async with aclosing(chunks):
            async for chunk in chunks:
                for block in _blocks(chunk):
                    if part := await to_thread.run_sync(encoder.encode, block, limiter=_threads):
                        yield part
        if part := await to_thread.run_sync(encoder.flush, limiter=_threads):
            yield part


def _blocks(chunk: Int16Array) -> Iterator[Int16Array]:
    return (chunk[start : start + _BLOCK] for start in range(0, len(chunk), _BLOCK))


def _pcm(wav: Float32Array) -> bytes:
    return encode_sound(wav, RATE, "pcm")


def _wav_header(length: int) -> bytes:
    header = endless_wav_header(RATE)
    size = 2 * length
    if not 0 < size < UNKNOWN_WAV_SIZE - len(header):
        return header
    return header[:4] + struct.pack("<I", size + 36) + header[8:40] + struct.pack("<I", size)


@dataclass(frozen=True)
class _Codec:
    """container: FFmpeg's name of the file format, with the options of its writer.

    bit_rate: bits a second; 0 for a lossless codec.
    """

    container: str
    name: str
    bit_rate: int = 0
    options: dict[str, str] = field(default_factory=dict)


_CODECS: dict[ResponseFormat, _Codec] = {
    # A frame that counts the others could be written only at the end.
    "mp3": _Codec("mp3", "libmp3lame", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    # By default a page may hold a second of sound, which is too late for a listener; microseconds.
    "opus": _Codec("ogg", "libopus", 48_000, {"page_duration": "100000"}),
    "aac": _Codec("adts", "aac", 96_000),
    "flac": _Codec("flac", "flac"),
}


class _Compressor:
    """A compressed file, from samples in ±1 at RATE. The first samples open it."""

    def __init__(self, codec: _Codec) -> None:
        self._codec = codec
        self._file = _WriteOnlyFile()
        self._container: av.container.OutputContainer | None = None
        self._stream: AudioStream | None = None
        self._samples = 0

    def encode(self, wav: Float32Array) -> bytes:
        if len(wav):
            container, stream = self._opened()
            frame = av.AudioFrame.from_ndarray(wav.clip(-1, 1)[None], format="flt", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._samples
            self._samples += len(wav)
            container.mux(stream.encode(frame))
        return self._file.take()

    def flush(self) -> bytes:
        container, stream = self._opened()
        container.mux(stream.encode(None))
        container.close()
        return self._file.take()

    def close(self) -> None:
        if self._container:
            self._container.close()

    def _opened(self) -> tuple[av.container.OutputContainer, AudioStream]:
        if self._container is None or self._stream is None:
            options = {"flush_packets": "1", **self._codec.options}
            container = av.open(self._file, "w", format=self._codec.container, options=options)
            stream = container.add_stream(self._codec.name, rate=RATE, layout="mono")
            assert isinstance(stream, AudioStream)
            stream.bit_rate = self._codec.bit_rate
            self._container, self._stream = container, stream
        return self._container, self._stream


class _WriteOnlyFile:
    """A file object that forgets the bytes that were taken from it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken
