"""Sound files in and out, through libsndfile and soxr. Audio is float32 mono in ±1."""

import io
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import soundfile
import soxr

from shared.audio.decoding import Block, decode
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.tensors import Float32Array

MIN_RATE, MAX_RATE = 8_000, 96_000  # Hz
MAX_CHANNELS = 8
MAX_ABS = 8.0
"""Resampled or decoded sound overshoots 1 a little; integers mistaken for floats go far over."""

SoundFormat = Literal["wav", "flac", "mp3", "ogg", "pcm"]
MEDIA_TYPES: dict[SoundFormat, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "pcm": "audio/pcm",
}
"""pcm is 16-bit little-endian samples without a header."""

WRITE_BLOCK = 65_536  # samples
UNKNOWN_WAV_SIZE = 0xFFFFFFFF

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
READ_FORMATS = ("WAV", "FLAC", "MP3", "OGG (Vorbis or Opus)", "AIFF")
_READ_BY_LIBSNDFILE = frozenset({"WAV", "WAVEX", "FLAC", "MP3", "OGG", "AIFF"})
"""In its own words. It reads many more, which nobody sends and whose readers nobody watches."""
_PLAIN_WAV_TAGS = (b"\x01\0", b"\x03\0", b"\xfe\xff")  # PCM, float, extensible
_PLAIN_WAV_CHUNKS = (b"fmt ", b"fact", b"PEAK", b"data")


def listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


READ_HERE = f"{listed(READ_FORMATS)} files are read here"


@dataclass(frozen=True)
class Clip:
    """wav: [n] float32, mono. rate: Hz."""

    wav: Float32Array
    rate: int


def read_sound(data: bytes, max_seconds: float) -> Clip:
    """A sound file of one of READ_FORMATS, mixed down to mono.

    Decoding stops as soon as it has passed `max_seconds`, so a small file that unpacks large costs
    no memory. Raises UnsupportedMediaType, InvalidRequest or TooLarge.
    """
    if not data:
        raise InvalidRequest("the sound file is empty", param="file", code="empty")
    if (wav_file := _plain_wav(data)) is not None:
        blocks = decode_sound(wav_file, max_seconds)
    else:
        blocks = decode("libsndfile", data, max_seconds)
    decoded = [*blocks]
    if not decoded:
        raise InvalidRequest("the sound file holds no samples", param="file", code="empty")
    return Clip(np.concatenate([wav for _, wav in decoded]), decoded[0][0])


def _plain_wav(data: bytes) -> bytes | None:
    """A WAV of PCM or float samples, up to the last of them, which needs no process of its own to
    be decoded; None for every other file, and for a WAV with chunks that describe the sound."""
    if data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt " or data[20:22] not in _PLAIN_WAV_TAGS:
        return None
    start = 12
    for _ in _PLAIN_WAV_CHUNKS:
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        end = start + 8 + size
        if name == b"data":
            return data[:end]
        if name not in _PLAIN_WAV_CHUNKS:
            return None
        start = end + size % 2
    return None


def decode_sound(data: bytes, max_seconds: float) -> Iterator[Block]:
    """The blocks of a sound file, decoded by libsndfile in this process.

    Raises UnsupportedMediaType, InvalidRequest or TooLarge.
    """
    try:
        with soundfile.SoundFile(_SoundBytes(data)) as file:
            if file.format not in _READ_BY_LIBSNDFILE:
                raise UnsupportedMediaType(
                    f"the sound file is {file.format_info}; {READ_HERE}", param="file"
                )
            check_rate(file.samplerate, "the sound file's rate")
            if file.channels > MAX_CHANNELS:
                raise InvalidRequest(
                    f"the sound file has {file.channels} channels, at most {MAX_CHANNELS} are read",
                    param="file",
                )
            for wav in _mono(file, max_seconds):
                check_values(wav, "the sound file")
                yield file.samplerate, wav
    except soundfile.LibsndfileError as error:
        raise UnsupportedMediaType(
            f"the sound file cannot be decoded ({error.error_string}); {READ_HERE}", param="file"
        ) from None


class _SoundBytes(io.BytesIO):
    """Stays where it is when a damaged file sends libsndfile to a place that cannot be: out of its
    callback an exception leads nowhere but into the log."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with suppress(ValueError, OverflowError):
            return super().seek(offset, whence)
        return self.tell()


def _mono(file: soundfile.SoundFile, max_seconds: float) -> Iterator[Float32Array]:
    most, frames = int(max_seconds * file.samplerate), 0
    while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > most:
            raise TooLarge(
                f"the sound file is longer than {max_seconds:g} s; send a shorter one",
                param="file",
                code="clip_too_long",
            )
        with np.errstate(over="ignore", invalid="ignore"):  # check_values refuses it
            yield block.mean(axis=1, dtype=np.float32)


def check_values(wav: Float32Array, name: str) -> None:
    if wav.size and not np.abs(wav).max() <= MAX_ABS:  # NaN fails it too
        raise InvalidRequest(
            f"{name} holds values beyond ±{MAX_ABS:g} or not finite; scale them to ±1",
            param="file",
        )


def check_rate(rate: int, name: str) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InvalidRequest(
            f"{name} is {rate} Hz, must lie in {MIN_RATE} to {MAX_RATE}", param="sr"
        )


class Resampler:
    """Sound that arrives in chunks, at another rate; `resampled_length` samples in all."""

    def __init__(self, rate: int, to_rate: int) -> None:
        self._rates = rate, to_rate
        same = rate == to_rate
        self._stream = None if same else soxr.ResampleStream(rate, to_rate, 1, dtype="float32")
        self._taken = self._given = 0

    def resample(self, chunk: Float32Array) -> Float32Array:
        """[m]: the samples that are ready, from [n]."""
        if self._stream is None:
            return chunk
        self._taken += len(chunk)
        resampled: Float32Array = self._stream.resample_chunk(chunk)
        self._given += len(resampled)
        return resampled

    def flush(self) -> Float32Array:
        """[m]: the rest."""
        if self._stream is None:
            return np.empty(0, np.float32)
        rest = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        missing = max(0, resampled_length(self._taken, *self._rates) - self._given)
        # soxr may give one sample less.
        padded: Float32Array = np.pad(rest, (0, max(0, missing - len(rest))))[:missing]
        return padded


def resample_stream(
    chunks: Iterable[Float32Array], rate: int, to_rate: int
) -> Iterator[Float32Array]:
    """The chunks at another rate, `resampled_length` samples in all. The joined result does not
    depend on how they were cut."""
    resampler = Resampler(rate, to_rate)
    yield from map(resampler.resample, chunks)
    yield resampler.flush()


def resampled_length(samples: int, rate: int, to_rate: int) -> int:
    return math.ceil(samples * to_rate / rate)


def encode_sound(wav: Float32Array, rate: int, sound_format: SoundFormat) -> bytes:
    """A whole sound file, with exact sizes in its header."""
    if sound_format == "pcm":
        return _pcm(wav)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format=sound_format.upper()) as writer:
        _write(writer, wav)
    return file.getvalue()


def encode_float_wav(clip: Clip) -> bytes:
    """A WAV of 32-bit floats, from which `read_sound` gives the same samples."""
    file = io.BytesIO()
    soundfile.write(file, clip.wav, clip.rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def encode_sound_stream(
    chunks: Iterable[Float32Array], rate: int, samples: int, sound_format: SoundFormat
) -> Iterator[bytes]:
    """The bytes of a sound file while its samples are made; `samples` is how many there will be.

    A WAV's sizes are 0xFFFFFFFF, as is usual where they are not known.
    """
    if sound_format in ("wav", "pcm"):
        if sound_format == "wav":
            yield endless_wav_header(rate)
        yield from map(_pcm, chunks)
        return
    file = io.BytesIO()
    sent = 0
    # Players guess the length of an MP3 stream from its bit rate, which must then be constant.
    constant: dict[str, Any] = {"bitrate_mode": "CONSTANT", "compression_level": 0.7}
    how = constant if sound_format == "mp3" else {}
    with soundfile.SoundFile(file, "w", rate, 1, format=sound_format.upper(), **how) as writer:
        for chunk in chunks:
            _write(writer, chunk)
            made = file.getvalue()
            if ready := made[sent:] if sent else _streamable(made, samples, sound_format):
                yield ready
                sent = len(made)
    yield file.getvalue()[sent:]


def _streamable(head: bytes, samples: int, sound_format: SoundFormat) -> bytes:
    """The first bytes of a file without what its writer would fill in only at the end; none while
    that cannot be told."""
    if sound_format == "flac" and len(head) >= 26:
        # The low 36 bits of these 8 bytes of STREAMINFO count the samples.
        field = int.from_bytes(head[18:26], "big") | samples
        return head[:18] + field.to_bytes(8, "big") + head[26:]
    if sound_format == "mp3":  # LAME's Info frame is the first; all frames begin alike
        second = head.find(head[:2], 4)
        return head[second:] if second > 0 else b""
    return head if sound_format == "ogg" else b""


def check_writable(rate: int, sound_format: SoundFormat) -> None:
    """Raises InvalidRequest for a rate that the format has not."""
    if sound_format == "mp3" and rate not in _MP3_RATES:
        rates = ", ".join(map(str, _MP3_RATES))
        raise InvalidRequest(f"sr: MP3 has no {rate} Hz; choose one of {rates}", param="sr")


def _write(writer: soundfile.SoundFile, wav: Float32Array) -> None:
    # In blocks: libvorbis puts what it is given on the stack, and millions of samples overflow it.
    for start in range(0, len(wav), WRITE_BLOCK):
        writer.write(np.clip(wav[start : start + WRITE_BLOCK], -1, 1))


def _pcm(wav: Float32Array) -> bytes:
    return (np.clip(wav, -1, 1) * 32767).round().astype("<i2").tobytes()


def endless_wav_header(rate: int) -> bytes:
    """For 16-bit mono whose length is not known yet."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", UNKNOWN_WAV_SIZE, b"WAVE"),
        *(b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16),
        *(b"data", UNKNOWN_WAV_SIZE),
    )
