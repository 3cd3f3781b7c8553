import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from client.wav_stream import Int16Array, NotWav, WavDecoder
from shared.audio.files import endless_wav_header

SAMPLES = np.arange(-500, 500, dtype=np.int16)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def whole_wav(**how: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, 16_000, format="WAV", **how)
    return file.getvalue()


def read(data: bytes, size: int = 2**20) -> Int16Array:
    decoder = WavDecoder(16_000)
    samples = np.concatenate([decoder.decode(part) for part in cut(data, size)] or [SAMPLES[:0]])
    decoder.flush()
    return samples


@given(size=st.integers(1, 3000), endless=st.booleans())
def test_samples_do_not_depend_on_how_the_bytes_were_cut(size: int, endless: bool) -> None:
    data = endless_wav_header(16_000) + SAMPLES.tobytes() if endless else whole_wav()

    np.testing.assert_array_equal(read(data, size), SAMPLES)


def test_other_chunks_around_the_samples_are_passed_over() -> None:
    wav = whole_wav()
    data = wav[:12] + b"LIST\x03\x00\x00\x00abc\x00" + wav[12:] + b"LIST\x02\x00\x00\x00ab"

    np.testing.assert_array_equal(read(data), SAMPLES)
    np.testing.assert_array_equal(read(data, 7), SAMPLES)


def test_samples_come_before_the_end() -> None:
    assert WavDecoder(16_000).decode(endless_wav_header(16_000) + b"\x01\x00") == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html>no sound here, sorry</html>", "no RIFF WAVE"),
        (b"", "within its header"),
        (whole_wav()[:30], "within its header"),
        (whole_wav()[:-10], "10 bytes early"),
        (whole_wav(subtype="FLOAT"), "16-bit"),
        (endless_wav_header(8_000), "of 16000 Hz"),
        (b"RIFF\xff\xff\xff\xffWAVEjunk\xff\xff\xff\x7f" + bytes(70_000), "64 KiB"),
    ],
)
def test_what_is_no_such_wav_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(NotWav, match=why):
        read(data, 1000)


def test_the_header_that_leaves_the_length_open_is_read_by_libsndfile() -> None:
    data = endless_wav_header(16_000) + SAMPLES.tobytes()

    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")

    assert rate == 16_000
    np.testing.assert_array_equal(samples, SAMPLES)
