import numpy as np
import pytest

from shared.audio.mel import mel_spectrogram
from training.data.waveforms import (
    MARGIN_AFTER,
    MARGIN_BEFORE,
    PEAK,
    pitch_shifted,
    pre_emphasised,
    random_shift,
    trim_and_normalise,
)
from vocoder_service.waveform import de_emphasis


def test_edges_are_trimmed_and_the_peak_normalised() -> None:
    burst = 0.1 * np.sin(np.arange(8_000) / 5).astype(np.float32)
    wav = np.concatenate([np.zeros(16_000), burst, np.zeros(16_000)]).astype(np.float32)
    kept = trim_and_normalise(wav)
    assert np.abs(kept).max() == pytest.approx(PEAK)
    assert len(burst) + MARGIN_BEFORE <= len(kept)
    assert len(kept) <= len(burst) + MARGIN_BEFORE + MARGIN_AFTER + 640
    assert kept.dtype == np.float32


def test_silence_is_trimmed_to_nothing() -> None:
    assert not len(trim_and_normalise(np.zeros(8_000, np.float32)))


def test_de_emphasis_undoes_pre_emphasis() -> None:
    wav = 0.3 * np.sin(np.arange(2_000) / 9).astype(np.float32)
    undone, _ = de_emphasis(pre_emphasised(wav)[np.newaxis], np.zeros((1, 1)))
    np.testing.assert_allclose(undone[0], wav, atol=1e-5)


def test_pre_emphasis_stays_within_one() -> None:
    square = np.tile([0.9, -0.9], 50).astype(np.float32)
    assert np.abs(pre_emphasised(square)).max() == 1
    assert np.isfinite(mel_spectrogram(square)).all()


def test_random_shifts_are_balanced_around_one() -> None:
    rng = np.random.default_rng(0)
    shifts = [random_shift(rng, 0.5, 2) for _ in range(400)]
    assert 0.5 <= min(shifts) < 0.6
    assert 1.8 < max(shifts) <= 2
    assert abs(np.mean(np.log(shifts))) < 0.05


def test_pitch_shift_moves_pitch_and_tempo() -> None:
    rate = 8_000
    wav = np.sin(2 * np.pi * 400 * np.arange(rate) / rate).astype(np.float32)
    higher = pitch_shifted(wav, rate, 1.25)
    assert len(higher) == pytest.approx(16_000 / 1.25, rel=0.01)
    assert np.abs(np.fft.rfft(higher, 16_000)).argmax() == pytest.approx(500, abs=2)
