"""Damaged and random bytes: every parser returns valid data or raises its own error.

`make fuzz` runs many more examples.
"""

import faulthandler
import io
import random
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from shared.audio.files import MAX_ABS, MAX_RATE, MIN_RATE, decode_sound
from shared.audio.media import decode_media
from shared.http.errors import ApiError, InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.json_routes import parse_json
from shared.http.tensors import Axis, Tensor
from tests.support.media_files import media_file

SECONDS = 0.2
HANGS_AFTER_SECONDS = 300
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
hostile = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _sound(container: str, subtype: str | None = None, channels: int = 1) -> bytes:
    rate = 16_000
    wave = 0.5 * np.sin(np.arange(int(SECONDS * rate)) * 0.2)
    file = io.BytesIO()
    sound = np.stack([wave] * channels, axis=1)
    soundfile.write(file, sound, rate, format=container, subtype=subtype)
    return file.getvalue()


SOUNDS = [
    _sound("WAV"),
    _sound("WAV", "FLOAT", channels=2),
    _sound("WAV", "MS_ADPCM"),
    _sound("FLAC"),
    _sound("MP3"),
    _sound("OGG", "VORBIS"),
    _sound("OGG", "OPUS"),
    _sound("AIFF"),
    _sound("AU"),
    _sound("CAF"),
    _sound("W64"),
    _sound("VOC"),
]
MEDIA = [media_file("mp4", "aac"), media_file("webm", "libopus"), media_file("adts", "aac")]
JSON = [
    b'{"text": "Hello", "embed": [[0.5, 0.25], [1e-3, -1]], "seed": 3}',
    b'{"wav": [0, 1, -0.5, 1.5e2], "sr": 16000}',
    b"[[1, 2, 3], [4, 5, 6], [7, 8.0, 9]]",
]


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """A file with some bytes changed, removed, inserted or repeated; or random
    bytes with the same beginning."""
    data = bytearray(draw(st.sampled_from(whole)))
    if draw(st.integers(0, 9)) == 0:
        return bytes(data[: draw(st.integers(0, 64))]) + draw(st.binary(max_size=200))
    for _ in range(draw(st.integers(1, 6))):
        # Headers, which hold the sizes, are hit as often as all the rest.
        most = draw(st.sampled_from([64, len(data)]))
        start = draw(st.integers(0, min(most, len(data))))
        end = start + draw(st.sampled_from([0, 1, 2, 4, 8, 1_000]))
        data[start:end] = draw(
            st.binary(max_size=8)
            | st.just(b"\xff" * 4)
            | st.just(b"\0" * 4)
            | st.just(bytes(data[start:end] * 2))
        )
    return bytes(data)


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End the process with a traceback if a library hangs, which blocks Python too."""
    faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True, file=2)
    yield
    faulthandler.cancel_dump_traceback_later()


@hostile
@given(damaged(SOUNDS) | st.binary(max_size=300))
def test_damaged_sound_is_read_or_rejected(data: bytes) -> None:
    try:
        blocks = [*decode_sound(data, max_seconds=1)]
    except (InvalidRequest, TooLarge, UnsupportedMediaType):
        return
    for rate, wav in blocks:
        assert wav.dtype == np.float32
        assert wav.ndim == 1
        assert np.abs(wav).max() <= MAX_ABS
        assert MIN_RATE <= rate <= MAX_RATE
    assert sum(len(wav) / rate for rate, wav in blocks) <= 1


@hostile
@given(damaged(SOUNDS + MEDIA) | st.binary(max_size=300))
def test_damaged_media_is_read_or_rejected(data: bytes) -> None:
    try:
        blocks = [wav for _, wav in decode_media(data, 16_000, max_seconds=2)]
    except (InvalidRequest, TooLarge, UnsupportedMediaType):
        return
    wav = np.concatenate(blocks)
    assert wav.dtype == np.float32
    assert wav.ndim == 1
    assert len(wav) <= 3 * 16_000
    assert np.abs(wav, dtype=np.float64).max(initial=0) <= MAX_ABS


@hostile
@given(damaged(JSON) | st.binary(max_size=100))
def test_damaged_json_is_parsed_or_rejected(data: bytes) -> None:
    refusal = None
    try:
        parse_json(data)
    except ApiError as error:
        refusal = error
    assert refusal is None or refusal.status in (400, 413)
    assert refusal is None or len(refusal.message) < 300


@hostile
@given(damaged(JSON))
def test_damaged_tensor_is_parsed_or_rejected(data: bytes) -> None:
    tensor = Tensor(axes=(Axis("B", 1, 4), Axis("T", 1, 4)), low=-10, high=10)
    try:
        value = parse_json(data)
    except ApiError:
        return
    for candidate in [value, *(value.values() if isinstance(value, dict) else ())]:
        try:
            parsed = tensor.parse(candidate)
        except PydanticCustomError:
            continue
        assert parsed.ndim == 2
        assert np.abs(parsed).max() <= 10


def _read_all(files: list[bytes]) -> None:
    for data in files:
        with suppress(ApiError):
            deque(decode_sound(data, max_seconds=1), maxlen=0)
        with suppress(ApiError):
            deque(decode_media(data, 16_000, max_seconds=1), maxlen=0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_reading_damaged_files_leaks_nothing() -> None:
    """Buffers of a decoder that fails are freed."""
    choose = random.Random(1)
    files = [bytearray(data) for data in (SOUNDS + MEDIA) * 12]
    for data in files:
        for _ in range(3):
            data[choose.randrange(len(data))] = choose.randrange(256)
        del data[choose.randrange(100, len(data)) :]
    damaged_files = [bytes(data) for data in files]
    for _ in range(2):
        _read_all(damaged_files)
    before = _resident_bytes()
    for _ in range(5):
        _read_all(damaged_files)
    assert _resident_bytes() - before < 16e6


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])
