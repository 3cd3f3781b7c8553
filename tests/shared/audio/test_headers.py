"""Files with a damaged header, or cut off, are read as far as possible and say so."""

import io
import struct

import numpy as np
import pytest
import soundfile

from shared.audio.files import Clip, encode_sound_stream, joined, read_sound, readable_blocks
from shared.audio.headers import CUT_OFF, NO_LENGTH, repaired
from shared.http.errors import InvalidRequest
from shared.voices import sample_clip
from tests.support.hostile_media.chunks import chunk

VOICE = sample_clip(seconds=4)


def sound_file(kind: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, VOICE.wav, VOICE.rate, format=kind, subtype=subtype)
    return file.getvalue()


def read(data: bytes) -> tuple[Clip, list[str]]:
    warnings: list[str] = []
    return joined([*readable_blocks(data, 60, warnings)]), warnings


def resized(wav: bytes, riff: int, data: int) -> bytes:
    """The WAV with other sizes in its header."""
    at = wav.index(b"data") + 4
    return wav[:4] + struct.pack("<I", riff) + wav[8:at] + struct.pack("<I", data) + wav[at + 4 :]


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "ULAW"])
@pytest.mark.parametrize(
    ("riff", "data"), [(0, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000)]
)
def test_wav_without_its_sizes_is_read_to_its_end(subtype: str, riff: int, data: int) -> None:
    whole = sound_file("WAV", subtype)
    clip, warnings = read(resized(whole, riff, data))
    np.testing.assert_array_equal(clip.wav, read_sound(whole, 60).wav)
    assert warnings == [NO_LENGTH]


def test_wav_with_a_riff_size_of_0_alone_is_read() -> None:
    whole = sound_file("WAV")
    size = int.from_bytes(whole[40:44], "little")
    clip, warnings = read(resized(whole, 0, size))
    assert len(clip.wav) == len(VOICE.wav)
    assert warnings == []


def test_wav_with_a_list_before_its_samples_is_repaired() -> None:
    whole = sound_file("WAV")
    listed = whole[:36] + chunk(b"LIST", b"INFO" + chunk(b"INAM", b"take 1")) + whole[36:]
    clip, warnings = read(resized(listed, 0, 0))
    assert len(clip.wav) == len(VOICE.wav)
    assert warnings == [NO_LENGTH]


def test_wav_that_holds_no_samples_is_refused_as_empty() -> None:
    empty = resized(sound_file("WAV")[:44], 36, 0)
    for data in (empty, empty + chunk(b"LIST", b"INFO")):
        with pytest.raises(InvalidRequest, match="holds no samples"):
            read(data)


def test_streamed_wav_of_ours_is_read() -> None:
    streamed = b"".join(encode_sound_stream([VOICE.wav], VOICE.rate, 0, "wav"))
    assert len(read(streamed)[0].wav) == len(VOICE.wav)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_cut_file_is_read_as_far_as_it_goes(kind: str) -> None:
    whole = sound_file(kind)
    clip, warnings = read(whole[: len(whole) * 6 // 10])
    assert 0.3 < len(clip.wav) / len(VOICE.wav) < 0.75
    if kind in ("WAV", "AIFF"):
        np.testing.assert_array_equal(clip.wav, read_sound(whole, 60).wav[: len(clip.wav)])
    assert warnings == [CUT_OFF]
    assert read(whole)[1] == []


def test_flac_from_a_pipe_is_read_to_its_last_sample() -> None:
    whole = sound_file("FLAC")
    field = int.from_bytes(whole[18:26], "big") & ~(2**36 - 1)
    piped = whole[:18] + field.to_bytes(8, "big") + whole[26:]
    clip, warnings = read(piped)
    np.testing.assert_array_equal(clip.wav, read_sound(whole, 60).wav)
    assert warnings == [NO_LENGTH]
    cut, warnings = read(piped[: len(piped) // 2])
    assert len(cut.wav) > 0.3 * len(clip.wav)
    assert warnings == [NO_LENGTH]


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"FORM\0"])
def test_short_heads_are_left_alone(data: bytes) -> None:
    assert repaired(data)[0] == data
