import io
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr

from shared.audio import watermark
from shared.audio.watermark import (
    FOUND_SCORE,
    OVERLAP,
    SAMPLE_RATE,
    WINDOW,
    Watermarker,
    find,
    find_in_stream,
    mark,
    score_at_other_speeds,
    score_at_own_speed,
    signs_of,
    spectrum_of,
    windows_of,
)
from shared.http.tensors import Float32Array
from shared.settings import PUBLIC_WATERMARK_KEY
from shared.voices import sample_path


def speech(voice: str = "ash") -> Float32Array:
    wav, rate = soundfile.read(sample_path(voice), dtype="float32")
    return np.asarray(soxr.resample(wav, rate, SAMPLE_RATE), np.float32)


def marked(wav: Float32Array, key: str = PUBLIC_WATERMARK_KEY, chunks: int = 1) -> Float32Array:
    return np.concatenate([*mark(np.array_split(wav, chunks), key)])


def at_rate(wav: Float32Array, rate: int, back: bool = True) -> Float32Array:
    resampled = soxr.resample(wav, SAMPLE_RATE, rate)
    return np.asarray(soxr.resample(resampled, rate, SAMPLE_RATE) if back else resampled)


def through_mp3(wav: Float32Array, rate: int, kilobits: int) -> Float32Array:
    """Constant bit rate of libsndfile's encoder: compression 0 is the most, 1 the least."""
    file = io.BytesIO()
    highest, lowest = 160, 8  # kbit/s of MPEG-2 layer III
    level = (highest - kilobits) / (highest - lowest)
    resampled = at_rate(wav, rate, back=False)
    soundfile.write(
        file, resampled, rate, format="MP3", compression_level=level, bitrate_mode="CONSTANT"
    )
    measured = 8 * len(file.getvalue()) / (len(wav) / SAMPLE_RATE) / 1000
    assert measured < 1.2 * kilobits
    decoded, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    return np.asarray(soxr.resample(decoded, rate, SAMPLE_RATE))


def test_mark_is_found_with_its_key_alone() -> None:
    sound = marked(speech(), "secret")
    assert find(sound, "secret").found
    assert not find(sound, "another").found
    assert not find(speech(), "secret").found


def test_finding_tells_how_much_was_searched() -> None:
    assert find(speech()[: 4 * SAMPLE_RATE]).seconds == 4


@pytest.mark.parametrize("voice", ["ash", "birch", "cedar", "elm", "hazel", "rowan"])
def test_mark_outlives_mp3_telephone_rate_and_cutting_at_once(voice: str) -> None:
    sound = at_rate(through_mp3(marked(speech(voice)), 24_000, kilobits=64), 8_000)
    assert find(sound[17_001 : 17_001 + 5 * SAMPLE_RATE]).found


@pytest.mark.parametrize("gain", [0.05, 0.5])
def test_mark_outlives_another_level(gain: float) -> None:
    assert find(gain * marked(speech())).found


def test_mark_outlives_noise_twenty_decibels_below() -> None:
    sound = marked(speech())
    noise = np.random.default_rng(0).normal(0, 0.1 * sound.std(), len(sound))
    assert find((sound + noise).astype(np.float32)).found


def test_mark_is_found_in_a_part_of_a_long_recording() -> None:
    others = np.concatenate([speech(voice) for voice in ("elm", "birch", "cedar", "hazel")])
    assert find(np.concatenate([others, marked(speech()), others])).found


def test_mark_is_a_tenth_of_the_sound_or_less() -> None:
    wav = speech()
    difference = marked(wav) - wav
    assert np.square(difference).sum() < 0.01 * np.square(wav).sum()
    silence = np.zeros(SAMPLE_RATE, np.float32)
    np.testing.assert_array_equal(marked(silence), silence)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 511, 512, 513, 5_000, 16_000])
def test_marked_sound_has_as_many_samples(samples: int) -> None:
    wav = speech()[20_000 : 20_000 + samples]
    sound = marked(wav)
    assert len(sound) == samples
    np.testing.assert_allclose(sound, wav, atol=0.15 * np.abs(wav).max())


def test_nothing_marked_is_nothing() -> None:
    assert [*mark([])] == []


def test_chunks_do_not_change_the_mark() -> None:
    wav = speech()[:30_000]
    np.testing.assert_allclose(marked(wav, chunks=37), marked(wav), atol=1e-6)


def test_mark_of_separate_sounds_continues_where_they_are_joined() -> None:
    wav, length = speech(), 12_345  # not a number of hops

    def joined(*, continues: bool) -> Float32Array:
        parts = []
        for start in range(0, len(wav), length):
            marker = Watermarker(start=start if continues else 0)
            parts += [marker.mark(wav[start : start + length]), marker.flush()]
        return np.concatenate(parts)

    assert len(joined(continues=True)) == len(wav)
    assert find(joined(continues=True)).score > FOUND_SCORE
    assert find(joined(continues=False)).score < FOUND_SCORE


def test_slow_reader_holds_little_of_a_long_sound() -> None:
    sound = np.zeros(60 * SAMPLE_RATE, np.float32)
    marked = mark([sound])
    next(marked)
    tracemalloc.start()
    next(marked)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2**18
    assert peak < 2**21


def test_long_chunk_is_marked_as_its_parts_are() -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 100_003).astype(np.float32)
    parts = [sound[start : start + 777] for start in range(0, len(sound), 777)]
    assert np.array_equal(np.concatenate([*mark([sound])]), np.concatenate([*mark(parts)]))


def test_sound_comes_out_while_it_comes_in() -> None:
    wav = speech()[:16_000]
    chunks = iter(np.array_split(wav, 10))
    first = next(mark(chunks))
    assert len(first) >= len(wav) // 10 - watermark.FRAME
    assert len([*chunks]) == 9


def test_speech_without_a_mark_stays_below_the_score_with_any_key() -> None:
    spectrum = spectrum_of(speech("rowan"))
    keys = [signs_of(f"key {i}") for i in range(100)]
    assert 1 < max(score_at_own_speed(spectrum, key) for key in keys) < FOUND_SCORE
    assert 1 < max(score_at_other_speeds(spectrum, key) for key in keys[:10]) < FOUND_SCORE


@pytest.mark.parametrize("speed", [0.9, 0.9525, 0.99, 1.0025, 1.01, 1.0775, 1.1])
def test_mark_outlives_another_speed(speed: float) -> None:
    """Of playback, which changes the pitch as well; also between two that are tried."""
    sound = soxr.resample(marked(speech("elm")), round(SAMPLE_RATE * speed), SAMPLE_RATE)
    assert find(np.asarray(sound, np.float32)).found
    other = soxr.resample(speech("elm"), round(SAMPLE_RATE * speed), SAMPLE_RATE)
    assert not find(np.asarray(other, np.float32)).found


def test_speed_and_mp3_at_once_leave_the_mark() -> None:
    sound = soxr.resample(marked(speech()), round(SAMPLE_RATE * 1.03), SAMPLE_RATE)
    assert find(through_mp3(np.asarray(sound, np.float32), 24_000, kilobits=64)).found


@pytest.mark.parametrize("seconds", [0, 0.1, 14.9, 15, 15.1, 29.9, 30, 30.1, 45, 45.1, 61])
@pytest.mark.parametrize("chunks", [1, 50])
def test_windows_overlap_by_half_and_leave_nothing_out(seconds: float, chunks: int) -> None:
    wav = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32)
    starts = range(0, max(1, len(wav) - OVERLAP), OVERLAP)
    windows = [*windows_of(np.array_split(wav, chunks))]
    for (window, _), start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, wav[start : start + WINDOW])
    assert sum(new for _, new in windows) == len(wav)


@pytest.mark.parametrize("start", [0, 44])
def test_mark_is_found_wherever_it_is_in_a_stream(start: int) -> None:
    wav = np.resize(speech("elm"), 60 * SAMPLE_RATE)
    here = slice(start * SAMPLE_RATE, (start + 16) * SAMPLE_RATE)
    wav[here] = marked(wav[here])
    assert find_in_stream(np.array_split(wav, 200)).found


@pytest.mark.parametrize("samples", [0, 1, 500, 4_000])
def test_too_short_a_sound_has_no_mark(samples: int) -> None:
    assert not find(np.ones(samples, np.float32)).found
