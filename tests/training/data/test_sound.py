import numpy as np
import pytest

from shared.audio.mel import mel_spectrogram
from training.data.sound import AFTER, BEFORE, PEAK, pre_emphasised, tidy
from vocoder_service.waveform import de_emphasis


def test_tidy_trims_the_edges_and_raises_the_peak() -> None:
    burst = 0.1 * np.sin(np.arange(8_000) / 5).astype(np.float32)
    wav = np.concatenate([np.zeros(16_000), burst, np.zeros(16_000)]).astype(np.float32)
    kept = tidy(wav)
    assert np.abs(kept).max() == pytest.approx(PEAK)
    assert len(burst) + BEFORE <= len(kept) <= len(burst) + BEFORE + AFTER + 640
    assert kept.dtype == np.float32


def test_tidy_leaves_nothing_of_silence() -> None:
    assert not len(tidy(np.zeros(8_000, np.float32)))


def test_de_emphasis_undoes_pre_emphasis() -> None:
    wav = 0.3 * np.sin(np.arange(2_000) / 9).astype(np.float32)
    undone, _ = de_emphasis(pre_emphasised(wav)[np.newaxis], np.zeros((1, 1)))
    np.testing.assert_allclose(undone[0], wav, atol=1e-5)


def test_pre_emphasis_stays_within_one() -> None:
    square = np.tile([0.9, -0.9], 50).astype(np.float32)
    assert np.abs(pre_emphasised(square)).max() == 1
    assert np.isfinite(mel_spectrogram(square)).all()
