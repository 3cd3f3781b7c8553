"""Sound files in and out."""

import io
import wave
from typing import get_args

import numpy as np
import pytest
import soundfile

from shared.audio import files as audio
from shared.audio.decoding import Block
from shared.audio.files import (
    Clip,
    SoundFormat,
    check_writable,
    decode_sound,
    encode_float_wav,
    encode_sound,
    encode_sound_stream,
    read_sound,
    resample_stream,
    resampled_length,
)
from shared.http.errors import InvalidRequest, TooLarge
from shared.http.tensors import Float32Array

FILES: list[SoundFormat] = ["wav", "flac", "mp3", "ogg"]


def tone(seconds: float, rate: int) -> Float32Array:
    wav: Float32Array = (
        0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    ).astype(np.float32)
    return wav


def chunks(wav: Float32Array, size: int) -> list[Float32Array]:
    return [wav[i : i + size] for i in range(0, len(wav), size)]


def strongest_hz(clip: Clip) -> float:
    spectrum = np.abs(np.fft.rfft(clip.wav * np.hanning(len(clip.wav))))
    return float(spectrum.argmax() * clip.rate / len(clip.wav))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("sound_format", FILES)
@pytest.mark.parametrize("chunk", [None, 3000, 100])
def test_sound_file_reads_back(sound_format: SoundFormat, rate: int, chunk: int | None) -> None:
    wav = tone(1.5, rate)
    if chunk:
        data = b"".join(encode_sound_stream(chunks(wav, chunk), rate, len(wav), sound_format))
    else:
        data = encode_sound(wav, rate, sound_format)
    clip = read_sound(data, max_seconds=2)
    assert clip.rate == rate
    # An MP3 is padded to whole frames, with its encoder's delay before.
    assert len(wav) <= len(clip.wav) <= len(wav) + (4000 if sound_format == "mp3" else 0)
    assert abs(strongest_hz(clip) - 440) < 2
    assert abs(np.abs(clip.wav[rate // 4 : rate]).max() - 0.5) < 0.05


@pytest.mark.parametrize("sound_format", get_args(SoundFormat))
def test_streamed_file_comes_in_pieces(sound_format: SoundFormat) -> None:
    wav = tone(4, 16_000)
    pieces = list(encode_sound_stream(chunks(wav, 16_000), 16_000, len(wav), sound_format))
    assert len([piece for piece in pieces if piece]) >= (2 if sound_format == "ogg" else 4)


@pytest.mark.parametrize("sound_format", FILES)
def test_shortest_stream_is_a_sound_file(sound_format: SoundFormat) -> None:
    wav = tone(0.01, 16_000)
    data = b"".join(encode_sound_stream([wav], 16_000, len(wav), sound_format))
    assert len(read_sound(data, max_seconds=1).wav) >= len(wav)


def test_streamed_wav_says_that_its_sizes_are_unknown() -> None:
    wav = tone(1, 16_000)
    data = b"".join(encode_sound_stream([wav], 16_000, len(wav), "wav"))
    assert data[:4] == b"RIFF"
    assert data[4:8] == data[40:44] == b"\xff" * 4
    assert data[44:] == encode_sound(wav, 16_000, "pcm")


def test_whole_wav_has_exact_sizes() -> None:
    with wave.open(io.BytesIO(encode_sound(tone(1, 16_000), 16_000, "wav"))) as file:
        assert file.getnframes() == file.getframerate() == 16_000
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)


def test_pcm_is_clipped_little_endian() -> None:
    wav = np.array([0, 1, -1, 2, -2], np.float32)
    samples = np.frombuffer(encode_sound(wav, 16_000, "pcm"), "<i2")
    assert samples.tolist() == [0, 32767, -32767, 32767, -32767]


def test_stereo_is_mixed_down() -> None:
    file = io.BytesIO()
    both = np.stack([np.full(800, 0.5), np.full(800, -0.25)], axis=1)
    soundfile.write(file, both, 8_000, format="WAV", subtype="FLOAT")
    clip = read_sound(file.getvalue(), max_seconds=1)
    np.testing.assert_allclose(clip.wav, np.full(800, 0.125))


def test_channels_that_add_up_to_infinity_are_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full((800, 2), 3e38), 8_000, format="WAV", subtype="FLOAT")
    with pytest.raises(InvalidRequest, match="not finite"):
        read_sound(file.getvalue(), max_seconds=1)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_plain_wav_is_read_without_another_process(
    container: str, subtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(0.5, 8_000), 8_000, format=container, subtype=subtype)
    monkeypatch.setattr(audio, "decode", None)
    clip = read_sound(file.getvalue() + b"LIST" * 1_000, max_seconds=1)
    np.testing.assert_allclose(clip.wav, tone(0.5, 8_000), atol=0.01)


def test_wav_of_another_codec_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(decoder: str, data: bytes, max_seconds: float) -> list[Block]:
        asked.append(decoder)
        return [(8_000, tone(max_seconds, 8_000))]

    monkeypatch.setattr(audio, "decode", note)
    for subtype in ("MS_ADPCM", "ULAW"):
        file = io.BytesIO()
        soundfile.write(file, tone(0.5, 8_000), 8_000, format="WAV", subtype=subtype)
        read_sound(file.getvalue(), max_seconds=1)
    assert asked == ["libsndfile"] * 2


def test_file_that_unpacks_large_stops_at_the_limit() -> None:
    hour = np.zeros(8_000 * 3600, np.float32)
    data = encode_sound(hour, 8_000, "flac")
    assert len(data) < 200_000
    with pytest.raises(TooLarge, match="longer than 60 s"):
        read_sound(data, max_seconds=60)


@pytest.mark.parametrize("to_rate", [8_000, 16_000, 22_050, 48_000])
def test_resampled_stream_does_not_depend_on_its_cuts(to_rate: int) -> None:
    wav = tone(0.7, 16_000)
    whole = np.concatenate([*resample_stream([wav], 16_000, to_rate)])
    pieces = np.concatenate([*resample_stream(chunks(wav, 333), 16_000, to_rate)])
    np.testing.assert_array_equal(whole, pieces)
    assert len(whole) == round(0.7 * to_rate)


@pytest.mark.parametrize("rate", [8_000, 8_001, 11_025, 12_345, 22_050, 44_100, 48_000])
def test_streamed_flac_of_any_length_reads_back(rate: int) -> None:
    for frames in range(1, 40):
        wav = tone(frames / 80, 16_000)
        samples = resampled_length(len(wav), 16_000, rate)
        resampled = resample_stream(chunks(wav, 200), 16_000, rate)
        data = b"".join(encode_sound_stream(resampled, rate, samples, "flac"))
        assert sum(len(wav) for _, wav in decode_sound(data, max_seconds=2)) == samples


@pytest.mark.parametrize("sound_format", FILES)
def test_minute_at_48_khz_is_written(sound_format: SoundFormat) -> None:
    """As one block it overflowed libvorbis's stack."""
    minute = np.zeros(48_000 * 60, np.float32)
    assert len(read_sound(encode_sound(minute, 48_000, sound_format), 61).wav) >= len(minute)


def test_rate_that_mp3_has_not_is_refused() -> None:
    check_writable(24_000, "mp3")
    check_writable(10_000, "flac")
    with pytest.raises(InvalidRequest, match="MP3 has no 10000 Hz; choose one of 8000, 11025, "):
        check_writable(10_000, "mp3")


def test_wav_of_floats_holds_the_same_samples() -> None:
    wav = np.array([0, 0.1, -1e-9, 1, -1, 7.5, -8], np.float32)
    read = read_sound(encode_float_wav(Clip(wav, 22_050)), max_seconds=1)
    assert read.rate == 22_050
    np.testing.assert_array_equal(read.wav, wav)
