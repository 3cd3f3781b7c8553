"""Sound files in and out, through libsndfile and soxr. Audio is float32 mono in ±1."""

import io
import math
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import soundfile
import soxr

from shared.audio.decoding import Block, CutOff, EndsEarly, decode
from shared.audio.formats import FORMATS, READ_BY_SERVICES, labels, listed
from shared.audio.headers import CUT_OFF, repaired
from shared.audio.phase import OppositePhase, mixed
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.tensors import Float32Array

MIN_RATE, MAX_RATE = 4_000, 192_000  # Hz
MAX_CHANNELS = 8
MAX_READ_SECONDS = 600.0
"""Limit of a recording of a voice; the encoder uses its best minute."""
MAX_ABS = 8.0
"""Resampled or decoded sound overshoots 1 a little; integers mistaken for floats go far over."""

SoundFormat = Literal["wav", "flac", "mp3", "ogg", "pcm"]
"""Formats that libsndfile writes, and pcm: 16-bit little-endian samples without a header."""
MEDIA_TYPES: dict[SoundFormat, str] = {
    name: FORMATS[name].media_type for name in get_args(SoundFormat)
}

WRITE_BLOCK = 65_536  # samples
UNKNOWN_WAV_SIZE = 0xFFFFFFFF

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
READ_FORMATS = labels(READ_BY_SERVICES)
READ_HERE = f"{listed(READ_FORMATS)} files are read here"
_LIBSNDFILE_FORMATS = frozenset({"WAV", "WAVEX", "FLAC", "MP3", "OGG", "AIFF"})
"""By libsndfile's names. Others are rejected: their readers are little maintained."""
_PLAIN_WAV_TAGS = (b"\x01\0", b"\x03\0", b"\xfe\xff")  # PCM, float, extensible
_PLAIN_WAV_CHUNKS = (b"fmt ", b"fact", b"PEAK", b"data")
_MISSING_SECONDS = 0.5  # between the length in a header and the decoded one, from which it matters


@dataclass(frozen=True)
class Clip:
    """wav: [n] float32, mono. rate: Hz."""

    wav: Float32Array
    rate: int


def read_sound(data: bytes, max_seconds: float) -> Clip:
    """Read a whole sound file of one of READ_FORMATS, mixed down to mono.

    Decoding stops at `max_seconds`, so a small file that unpacks large costs no memory. Raises
    UnsupportedMediaType, InvalidRequest or TooLarge.
    """
    blocks: list[Block] = []
    with suppress(EndsEarly):
        blocks.extend(sound_blocks(data, max_seconds))
    return joined(blocks)


def readable_blocks(data: bytes, max_seconds: float, warnings: list[str]) -> Iterator[Block]:
    """Read a sound file as far as possible, block by block, mono.

    warnings: gets a message if the file is cut off, or does not give its length. Raises as
    `read_sound`, but for a file that is damaged after its first samples.
    """
    data, warning = repaired(data)
    try:
        yield from sound_blocks(data, max_seconds)
    except CutOff:
        warning = warning or CUT_OFF
    if warning:
        warnings.append(warning)


def joined(blocks: list[Block]) -> Clip:
    """Raises InvalidRequest without any block."""
    if not blocks:
        raise InvalidRequest("the sound file holds no samples", param="file", code="empty")
    return Clip(np.concatenate([wav for _, wav in blocks]), blocks[0][0])


def sound_blocks(data: bytes, max_seconds: float) -> Iterator[Block]:
    """The blocks of a sound file. Raises as `read_sound`, and CutOff after the last good block."""
    if not data:
        raise InvalidRequest("the sound file is empty", param="file", code="empty")
    data, _ = repaired(data)
    if (wav_file := _plain_wav(data)) is not None:
        return decode_sound(wav_file, max_seconds)
    return decode("libsndfile", data, max_seconds)


def _plain_wav(data: bytes) -> bytes | None:
    """A WAV of PCM or float samples up to its last sample, which is decoded in this process.

    None for every other file, and for a WAV with further chunks before its samples.
    """
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
    """Decode a sound file with libsndfile in this process, block by block.

    Raises UnsupportedMediaType, InvalidRequest or TooLarge; CutOff or EndsEarly after the last
    good block.
    """
    try:
        with soundfile.SoundFile(_SoundBytes(data)) as file:
            _check_header(file)
            for wav in _mono(file, max_seconds):
                check_values(wav, "the sound file")
                yield file.samplerate, wav
    except soundfile.LibsndfileError as error:
        raise UnsupportedMediaType(
            f"the sound file cannot be decoded ({error.error_string}); {READ_HERE}", param="file"
        ) from None


def _check_header(file: soundfile.SoundFile) -> None:
    if file.format not in _LIBSNDFILE_FORMATS:
        raise UnsupportedMediaType(
            f"the sound file is {file.format_info}; {READ_HERE}", param="file"
        )
    check_rate(file.samplerate, "the sound file's rate")
    if file.channels > MAX_CHANNELS:
        raise InvalidRequest(
            f"the sound file has {file.channels} channels, at most {MAX_CHANNELS} are read",
            param="file",
        )


class _SoundBytes(io.BytesIO):
    """Stays in place when a damaged file sends libsndfile to an impossible position: an exception
    in its callback would only reach the log."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with suppress(ValueError, OverflowError):
            return super().seek(offset, whence)
        return self.tell()


def _mono(file: soundfile.SoundFile, max_seconds: float) -> Iterator[Float32Array]:
    max_frames, frames = int(max_seconds * file.samplerate), 0
    phase = OppositePhase()
    for block in _frames(file):
        frames += len(block)
        if frames > max_frames:
            raise clip_too_long("the sound file", max_seconds)
        with np.errstate(over="ignore", invalid="ignore"):  # check_values refuses it
            yield mixed(block, phase)
    missing = file.frames - frames
    if _MISSING_SECONDS * file.samplerate < missing and file.frames < max_frames:
        raise EndsEarly(CUT_OFF, param="file")


def _frames(file: soundfile.SoundFile) -> Iterator[Float32Array]:
    """[≤ rate, channels] each. Raises CutOff if libsndfile fails after the first frame."""
    any_frames = False
    while True:
        # libsndfile fills the block before it reports an error; NaN marks the samples it left out.
        block = np.full((file.samplerate, file.channels), np.nan, np.float32)
        try:
            read, error = len(file.read(out=block)), None
        except soundfile.LibsndfileError as failure:
            read, error = int((~np.isnan(block[:, 0])).sum()), failure
        any_frames |= read > 0
        if read:
            yield block[:read]
        if error and not any_frames:
            raise error
        if error:
            raise CutOff(CUT_OFF, param="file")
        if not read:
            return


def check_values(wav: Float32Array, name: str) -> None:
    """Raises InvalidRequest for samples that are not sound. name: of the file in the message."""
    if wav.size and not np.abs(wav).max() <= MAX_ABS:  # NaN fails it too
        raise InvalidRequest(
            f"{name} holds values beyond ±{MAX_ABS:g} or not finite; scale them to ±1",
            param="file",
        )


def clip_too_long(name: str, max_seconds: float) -> TooLarge:
    """The error for a file with more than `max_seconds` of sound. name: of the file."""
    return TooLarge(
        f"{name} is longer than {max_seconds:g} s; send a shorter one",
        param="file",
        code="clip_too_long",
    )


def check_rate(rate: int, name: str) -> None:
    """Raises InvalidRequest for a rate outside MIN_RATE to MAX_RATE. name: in the message."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InvalidRequest(
            f"{name} is {rate} Hz, must lie in {MIN_RATE} to {MAX_RATE}; save it at 16000 or 48000",
            param="sr",
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


def encode_flac(chunks: Iterable[Float32Array], rate: int) -> bytes:
    """A whole FLAC file of 16 bits; only its bytes are held, not its samples."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format="FLAC") as writer:
        for chunk in chunks:
            _write(writer, chunk)
    return file.getvalue()


def encode_float_wav(clip: Clip) -> bytes:
    """A WAV of 32-bit floats, from which `read_sound` gives the same samples."""
    file = io.BytesIO()
    soundfile.write(file, clip.wav, clip.rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def encode_sound_stream(
    chunks: Iterable[Float32Array], rate: int, samples: int, sound_format: SoundFormat
) -> Iterator[bytes]:
    """The bytes of a sound file while its samples are made. samples: their number in all.

    A WAV's sizes are 0xFFFFFFFF, which readers take for "unknown".
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
    """The first bytes of a file, without the fields that its writer fills in at the end.

    Empty until enough bytes are there.
    """
    if sound_format == "flac" and len(head) >= 26:
        # The low 36 bits of these 8 bytes of STREAMINFO count the samples.
        field = int.from_bytes(head[18:26], "big") | samples
        return head[:18] + field.to_bytes(8, "big") + head[26:]
    if sound_format == "mp3":  # LAME's Info frame is the first; all frames begin alike
        second = head.find(head[:2], 4)
        return head[second:] if second > 0 else b""
    return head if sound_format == "ogg" else b""


def check_writable(rate: int, sound_format: SoundFormat) -> None:
    """Raises InvalidRequest for a rate that the format does not have."""
    if sound_format == "mp3" and rate not in _MP3_RATES:
        rates = ", ".join(map(str, _MP3_RATES))
        raise InvalidRequest(f"sr: MP3 has no {rate} Hz; choose one of {rates}", param="sr")


def _write(writer: soundfile.SoundFile, wav: Float32Array) -> None:
    # In blocks: libvorbis copies its input onto the stack, which millions of samples overflow.
    for start in range(0, len(wav), WRITE_BLOCK):
        writer.write(np.clip(wav[start : start + WRITE_BLOCK], -1, 1))


def _pcm(wav: Float32Array) -> bytes:
    return (np.clip(wav, -1, 1) * 32767).round().astype("<i2").tobytes()


def endless_wav_header(rate: int) -> bytes:
    """The header of a 16-bit mono WAV whose length is not known yet."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", UNKNOWN_WAV_SIZE, b"WAVE"),
        *(b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16),
        *(b"data", UNKNOWN_WAV_SIZE),
    )
