import io
import struct
import threading
from collections.abc import AsyncGenerator, Iterator

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from client.wav_stream import Int16Array
from gateway_service.speech.encoding import (
    MEDIA_TYPES,
    RATE,
    MarkedSound,
    ResponseFormat,
    SoundEncoder,
    encode,
    encode_async,
)
from shared.audio.files import UNKNOWN_WAV_SIZE
from shared.settings import PUBLIC_WATERMARK_KEY

Float64Array = NDArray[np.float64]

TONE = 440  # Hz
SECONDS = 2.5
ALL: list[ResponseFormat] = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
# Seconds by which a format is longer than its sound: a frame or two.
SLACK = {"mp3": 0.08, "aac": 0.14, "opus": 0.02}


def tone(seconds: float = SECONDS) -> Int16Array:
    samples = np.arange(round(seconds * 16_000))
    return (12_000 * np.sin(2 * np.pi * TONE * samples / 16_000)).astype(np.int16)


def cut(wav: Int16Array, length: int = 800) -> Iterator[Int16Array]:
    yield from (wav[start : start + length] for start in range(0, len(wav), length))


def decode(data: bytes, response_format: ResponseFormat) -> tuple[Float64Array, int]:
    """Samples in ±1 and their rate, by an independent decoder."""
    if response_format == "pcm":
        return np.frombuffer(data, "<i2") / 32_768, RATE
    if response_format == "aac":  # libsndfile does not read it
        with av.open(io.BytesIO(data), "r") as container:
            frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
            return np.concatenate(frames), container.streams.audio[0].rate
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        blocks = list(file.blocks(RATE))
        return np.concatenate(blocks), file.samplerate


def pitch(wav: Float64Array, rate: int) -> float:
    """Hz of the loudest tone in a second from the middle."""
    middle = wav[len(wav) // 2 - rate // 2 :][:rate]
    return float(np.abs(np.fft.rfft(middle)).argmax() * rate / len(middle))


@pytest.mark.parametrize("response_format", ALL)
def test_sound_decodes_to_the_same_tone_rate_and_duration(response_format: ResponseFormat) -> None:
    data = b"".join(encode(cut(tone()), response_format, samples=len(tone())))

    wav, rate = decode(data, response_format)

    assert rate == RATE
    assert 0 <= len(wav) / rate - SECONDS <= SLACK.get(response_format, 0)
    assert pitch(wav, rate) == pytest.approx(TONE, abs=1)
    assert np.abs(wav).max() == pytest.approx(12_000 / 32_768, rel=0.2)  # the mark changes it


@pytest.mark.parametrize(
    ("response_format", "begins"),
    [
        ("opus", b"OggS"),
        ("flac", b"fLaC"),
        ("wav", b"RIFF"),
        ("aac", b"\xff\xf1"),  # an ADTS frame without a checksum
        ("mp3", b"\xff\xf3"),  # an MPEG-2 layer III frame, no tag before it
    ],
)
def test_files_begin_as_their_formats_do(response_format: ResponseFormat, begins: bytes) -> None:
    assert b"".join(encode(cut(tone()), response_format)).startswith(begins)


def test_mp3_has_frames_of_sound_only() -> None:
    data = b"".join(encode(cut(tone()), "mp3"))

    assert b"Xing" not in data
    assert b"Info" not in data


def test_opus_is_opus_in_ogg() -> None:
    data = b"".join(encode(cut(tone()), "opus"))

    assert data[28:36] == b"OpusHead"


@pytest.mark.parametrize("response_format", ALL)
def test_sound_comes_before_the_last_sample_is_made(response_format: ResponseFormat) -> None:
    taken = threading.Event()

    def chunks() -> Iterator[Int16Array]:
        yield from cut(tone(0.5))
        assert taken.is_set(), "half a second was made, and nothing came"
        yield from cut(tone(0.5))

    received = 0
    for part in encode(chunks(), response_format):
        received += len(part)
        if received > 1_500:  # more than any header
            taken.set()


@pytest.mark.parametrize("response_format", ALL)
def test_no_header_comes_before_an_error_of_the_first_chunk(
    response_format: ResponseFormat,
) -> None:
    def broken() -> Iterator[Int16Array]:
        raise ValueError("broken")
        yield

    with pytest.raises(ValueError, match="broken"):
        next(encode(broken(), response_format))


@pytest.mark.parametrize("response_format", ALL)
def test_closing_closes_the_source(response_format: ResponseFormat) -> None:
    ended: list[bool] = []

    def endless() -> Iterator[Int16Array]:
        try:
            while True:
                yield tone(0.1)
        finally:
            ended.append(True)

    encoded = encode(endless(), response_format)
    next(encoded)
    encoded.close()

    assert ended == [True]


@pytest.mark.parametrize("response_format", ALL)
def test_no_part_is_empty(response_format: ResponseFormat) -> None:
    chunks = [np.empty(0, np.int16), *cut(tone(0.3), 7), np.empty(0, np.int16)]

    assert all(encode(chunks, response_format))


@pytest.mark.parametrize("response_format", ALL)
def test_how_chunks_are_cut_changes_nothing(response_format: ResponseFormat) -> None:
    whole, pieces = (
        decode(b"".join(encode(chunks, response_format, samples=len(tone()))), response_format)[0]
        for chunks in ([tone()], cut(tone(), 333))
    )

    np.testing.assert_allclose(pieces, whole, atol=1e-3)


def test_wav_leaves_its_sizes_open() -> None:
    data = b"".join(encode(cut(tone()), "wav"))

    assert struct.unpack_from("<I", data, 4) == (UNKNOWN_WAV_SIZE,)
    assert struct.unpack_from("<I", data, 40) == (UNKNOWN_WAV_SIZE,)


def test_wav_of_known_length_says_its_sizes() -> None:
    data = b"".join(encode(cut(tone()), "wav", samples=len(tone())))

    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)
    assert struct.unpack_from("<I", data, 40) == (len(data) - 44,)


def test_wav_too_long_for_its_sizes_leaves_them_open() -> None:
    data = b"".join(encode(cut(tone()), "wav", samples=2**32))

    assert struct.unpack_from("<I", data, 40) == (UNKNOWN_WAV_SIZE,)


def test_flac_of_known_length_says_it() -> None:
    data = b"".join(encode(cut(tone()), "flac", samples=len(tone())))

    assert soundfile.info(io.BytesIO(data)).frames == SECONDS * RATE


def test_pcm_is_16_bit_without_a_header() -> None:
    data = b"".join(encode(cut(tone()), "pcm"))

    assert len(data) == 2 * SECONDS * RATE


def test_full_scale_does_not_wrap_around() -> None:
    square = np.where(np.arange(16_000) % 40 < 20, 32_767, -32_768).astype(np.int16)

    wav = np.frombuffer(b"".join(encode([square], "pcm")), "<i2")

    # Resampling overshoots, which must stay on its side of zero.
    sound = MarkedSound(RATE, PUBLIC_WATERMARK_KEY)
    expected = np.sign(np.concatenate([sound.process(square), sound.flush()]))
    np.testing.assert_array_equal(np.sign(wav[abs(wav) > 1000]), expected[abs(wav) > 1000])


def test_every_format_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == set(ALL)


@pytest.mark.anyio
@pytest.mark.parametrize("response_format", ALL)
async def test_coroutine_encodes_the_same_file(response_format: ResponseFormat) -> None:
    async def chunks() -> AsyncGenerator[Int16Array]:
        for chunk in cut(tone(0.5)):
            yield chunk

    parts = encode_async(chunks(), SoundEncoder(response_format, len(tone(0.5))))
    expected = list(encode(cut(tone(0.5)), response_format, samples=len(tone(0.5))))

    if response_format == "opus":  # its stream has a random serial number
        assert [len(part) async for part in parts] == [len(part) for part in expected]
    else:
        assert [part async for part in parts] == expected
