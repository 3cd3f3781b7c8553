"""Preprocessing against its definitions; verdicts on voices and on other sounds."""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from encoder_service.measures import Array
from encoder_service.preprocess import (
    UnusableClip,
    assess,
    normalise_volume,
    preprocess,
    resample,
    trim_long_silences,
    usable_voice,
    voiced_windows,
)
from shared.voices import SAMPLES

RATE = 16_000
SYNTHETIC_VOICES = ("ash", "birch", "cedar", "elm", "hazel", "rowan")


def sine(hertz: float, seconds: float = 2.0, rate: int = RATE) -> Array:
    t = np.arange(int(seconds * rate)) / rate
    wav: Array = (0.3 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    return wav


def noise(exponent: float, seconds: float = 2.0, rate: int = RATE) -> Array:
    """Gaussian, RMS 0.1, with a power spectrum of 1 / f ** exponent: 0 white, 1 pink, 2 brown."""
    n = int(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(n))
    wav = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** (exponent / 2), n)
    scaled: Array = (0.1 * wav / wav.std()).astype(np.float32)
    return scaled


def with_noise(wav: Array, snr_db: float) -> Array:
    hiss = np.random.default_rng(7).standard_normal(len(wav)).astype(np.float32)
    noisy: Array = wav + hiss * wav.std() * np.float32(10 ** (-snr_db / 20))
    return noisy


@pytest.fixture(scope="module")
def ash() -> Array:
    """[143000] at 16 kHz: 8.9 s of a synthetic voice."""
    wav, rate = soundfile.read(SAMPLES / "ash.wav", dtype="float32")
    return resample(wav, rate)


@pytest.fixture(scope="module")
def clips(speech_samples: Path) -> list[tuple[Array, int]]:
    """Real voices."""
    files = sorted(speech_samples.glob("*.mp3"))
    assert files
    return [soundfile.read(file, dtype="float32") for file in files]


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("samples", [1, 999, 10_007])
def test_resampling_equals_librosa(rate: int, samples: int) -> None:
    librosa = pytest.importorskip("librosa")
    wav = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    expected = librosa.resample(wav, orig_sr=rate, target_sr=RATE)
    resampled = resample(wav, rate)
    assert resampled.dtype == np.float32
    np.testing.assert_array_equal(resampled, expected)


def test_quiet_sound_is_raised_to_the_target() -> None:
    raised = normalise_volume(0.01 * sine(440))
    assert raised.dtype == np.float32
    assert 20 * np.log10(raised.std()) == pytest.approx(-30, abs=0.01)


@pytest.mark.parametrize("wav", [sine(440), np.zeros(100, np.float32), np.zeros(0, np.float32)])
def test_loud_sound_and_silence_keep_their_volume(wav: Array) -> None:
    np.testing.assert_array_equal(normalise_volume(wav), wav)


def test_loud_sound_does_not_wrap_around_in_the_voice_detector(ash: Array) -> None:
    loud = 20 * ash
    np.testing.assert_array_equal(voiced_windows(loud), voiced_windows(np.clip(loud, -1, 1)))


def test_pause_between_words_stays_and_long_silence_is_shortened() -> None:
    flags = np.array([True] * 20 + [False] * 5 + [True] * 20 + [False] * 60 + [True] * 20)
    window_numbers = np.repeat(np.arange(len(flags), dtype=np.float32), 480)
    unfinished = np.ones(17, np.float32)
    kept = trim_long_silences(np.append(window_numbers, unfinished), flags)
    assert kept[::480].astype(int).tolist() == [*range(47), *range(102, 125)]


def test_voice_needs_most_of_eight_windows() -> None:
    for voiced, kept in ((4, 0), (5, 10)):
        flags = np.array([False] * 20 + [True] * voiced + [False] * 20)
        wav = np.ones(480 * len(flags), np.float32)
        assert len(trim_long_silences(wav, flags)) == 480 * kept


def test_trimming_equals_its_definition() -> None:
    """RTVC: a moving average over 8 windows, rounded, dilated by 7."""
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(0)
    for windows in range(1, 80):
        flags = rng.random(windows) < rng.random()
        padded = np.concatenate([np.zeros(3), flags, np.zeros(4)])
        average = np.array([padded[i : i + 8].mean() for i in range(windows)])
        mask = ndimage.binary_dilation(np.round(average).astype(bool), np.ones(7))
        wav = rng.random(480 * windows).astype(np.float32)
        np.testing.assert_array_equal(
            trim_long_silences(wav, flags), wav[np.repeat(mask, 480)], err_msg=str(flags)
        )


@pytest.mark.parametrize("voice", SYNTHETIC_VOICES)
def test_shipped_voice_is_usable_without_warning(voice: str) -> None:
    wav, rate = soundfile.read(SAMPLES / f"{voice}.wav", dtype="float32")
    heard, report = usable_voice(wav, rate)
    assert report.warnings == ()
    assert report.voiced_seconds == len(heard) / RATE > 6
    np.testing.assert_array_equal(heard, preprocess(wav, rate))


DEGRADED: dict[str, Callable[[Array, int], tuple[Array, int]]] = {
    "as it is": lambda wav, rate: (wav, rate),
    "telephone rate": lambda wav, rate: (wav[:: rate // 8000], 8000),
    "20 dB quieter": lambda wav, rate: (0.1 * wav, rate),
    "10 dB above noise": lambda wav, rate: (with_noise(wav, 10), rate),
    "5 dB above noise": lambda wav, rate: (with_noise(wav, 5), rate),
    "clipped": lambda wav, rate: (np.clip(10 * wav, -1, 1), rate),
    "as loud as hum": lambda wav, rate: (
        wav + sine(50, 10, rate)[: len(wav)] * wav.std() / np.float32(0.2),
        rate,
    ),
    "in a long silence": lambda wav, rate: (np.pad(wav[: 2 * rate], 4 * rate), rate),
    "10 dB above a long noise": lambda wav, rate: (
        np.pad(wav[: 2 * rate], 15 * rate) + 10**0.5 * wav.std() * noise(1, 32, rate),
        rate,
    ),
}


@pytest.mark.parametrize("how", DEGRADED)
def test_real_voice_is_usable_however_recorded(clips: list[tuple[Array, int]], how: str) -> None:
    for clip in clips:
        assert assess(*DEGRADED[how](*clip)).problem is None


def no_voices() -> Iterator[tuple[str, NDArray[np.floating], int]]:
    for name, exponent in {"white": 0, "pink": 1, "brown": 2}.items():
        for rate in (8_000, 16_000, 48_000):
            yield f"{name} noise at {rate}", noise(exponent, rate=rate), rate
    yield "quiet white noise", 0.1 * noise(0), RATE
    yield "long pink noise", noise(1, seconds=30), RATE
    yield "half a second of white noise", noise(0, seconds=0.5), RATE
    yield "pulsing noise", noise(0) * np.abs(sine(3)), RATE
    for hertz in (50, 100, 220, 440, 1000, 3000):
        yield f"{hertz} Hz", sine(hertz), RATE
    yield "hum and its harmonics", sine(50) + sine(150) / 2 + sine(250) / 3, RATE
    yield "hum and noise", with_noise(sine(50), 10), RATE
    yield "tone between silences", np.pad(sine(440), 2 * RATE), RATE
    yield "beeps", sine(1000, 5) * (np.arange(5 * RATE) % RATE < RATE // 2), RATE
    yield "constant", np.full(RATE, 0.5, np.float32), RATE
    clicks = np.zeros(3 * RATE, np.float32)
    clicks[:: RATE // 2] = 0.9
    yield "clicks", clicks, RATE
    for length in (0.3, 0.6, 1.2):
        yield f"chords of {length} s", chords(length, overtones=1), RATE
        yield f"an organ's chords of {length} s", chords(length, overtones=6), RATE
    yield "a melody", np.concatenate([sine(262 * 2 ** (n / 12), 0.3) for n in TUNE]), RATE
    seconds = np.arange(6 * RATE) / RATE
    yield "siren", 0.3 * np.sin(2 * np.pi * (800 * seconds + 64 * np.sin(np.pi * seconds))), RATE


TUNE = (0, 4, 7, 12, 7, 4, 0, 5, 9, 12, 9, 5, 0, 2, 7, 11)


def chords(seconds: float, overtones: int) -> Array:
    """C, A minor, F and G, twice."""
    roots = [(0, 4), (9, 3), (5, 4), (7, 4)] * 2
    t = np.arange(int(seconds * RATE)) / RATE
    fade = np.minimum(1, np.minimum(t, t[::-1]) / 0.02)
    sounds = []
    for root, third in roots:
        notes = [220 * 2 ** ((root + step) / 12) for step in (0, third, 7)]
        partials = [n * k for n in notes for k in range(1, overtones + 1)]
        sounds.append(fade * np.sin(2 * np.pi * np.outer(partials, t)).sum(axis=0) / len(partials))
    wav: Array = (0.3 * np.concatenate(sounds)).astype(np.float32)
    return wav


@pytest.mark.parametrize(("wav", "rate"), [pytest.param(w, r, id=n) for n, w, r in no_voices()])
def test_invalid_voice_is_refused_as_such(wav: NDArray[np.floating], rate: int) -> None:
    with pytest.raises(UnusableClip, match=r"no voice found.*send a few seconds of someone"):
        usable_voice(wav.astype(np.float32), rate)


def test_empty_clip_is_refused() -> None:
    with pytest.raises(UnusableClip, match="empty; send a recording"):
        usable_voice(np.zeros(0, np.float32), RATE)


@pytest.mark.parametrize("samples", [1, 479, 48_000])
def test_silence_is_refused(samples: int) -> None:
    with pytest.raises(UnusableClip, match=r"silent, every sample is 0; check .* microphone"):
        usable_voice(np.zeros(samples, np.float32), 44_100)


def test_quiet_voice_is_refused_with_its_level(ash: Array) -> None:
    level = assess(ash, RATE).report.level_dbfs
    with pytest.raises(UnusableClip, match=r"too quiet: -6[45] dBFS, must be -60 dBFS.*closer"):
        usable_voice(ash * np.float32(10 ** ((-64.5 - level) / 20)), RATE)


def test_voice_too_short_is_refused_with_its_length(ash: Array) -> None:
    with pytest.raises(UnusableClip, match=r"only 0\.2\d s of voice found in 0\.2\d s of sound"):
        usable_voice(ash[8000:12_400], RATE)


def test_short_voice_is_usable_with_a_warning(ash: Array) -> None:
    heard, report = usable_voice(ash[RATE : 2 * RATE], RATE)
    assert 0.3 < len(heard) / RATE < 1.6
    assert len(report.warnings) == 1
    assert "only 1.0 s of voice" in report.warnings[0]
    assert "1.6 s or more" in report.warnings[0]


def test_clipping_is_counted_and_warned_of(ash: Array) -> None:
    loud = np.clip(8 * ash, -1, 1)
    report = assess(loud, RATE).report
    assert report.clipped_share == pytest.approx(np.mean(np.abs(loud) == 1), abs=1e-3)
    assert any("clipped" in warning for warning in report.warnings)
    assert assess(ash, RATE).report.clipped_share == 0


@pytest.mark.parametrize("snr_db", [20, 10, 5, 0])
def test_noise_is_measured(clips: list[tuple[Array, int]], snr_db: float) -> None:
    reports = [assess(with_noise(wav, snr_db), rate).report for wav, rate in clips]
    for report in reports:
        assert report.snr_db == pytest.approx(snr_db, abs=3.5)
    assert any("noise" in "".join(report.warnings) for report in reports) == (snr_db < 10)


def test_level_is_that_of_the_voice(ash: Array) -> None:
    alone, padded = (assess(wav, RATE).report for wav in (ash, np.pad(ash, 5 * RATE)))
    assert padded.level_dbfs == pytest.approx(alone.level_dbfs, abs=0.5)
    assert assess(0.1 * ash, RATE).report.level_dbfs == pytest.approx(
        alone.level_dbfs - 20, abs=0.5
    )


@pytest.mark.parametrize("wav", [np.zeros(0), np.zeros(RATE), np.zeros(1), sine(440), noise(0)])
def test_report_of_any_clip_is_finite(wav: Array) -> None:
    assessment = assess(wav.astype(np.float32), RATE)
    assert assessment.problem
    assert assessment.report.warnings == ()
    assert np.isfinite(astuple(assessment.report)[:7]).all()
