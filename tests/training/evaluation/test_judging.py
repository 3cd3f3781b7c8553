import numpy as np
import pytest

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.http.tensors import Float32Array
from shared.voices import sample_path
from training.evaluation.judging import Dnsmos, likeness


@pytest.fixture
def rowan() -> Float32Array:
    """Three seconds of a sample voice at 16 kHz."""
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    return resample(clip.wav, clip.rate)[: 3 * 16_000]


def test_likeness_needs_two_voices() -> None:
    embed = np.full(256, 1 / 16, np.float32)
    assert likeness(embed, embed) == pytest.approx(1)
    assert likeness(embed, None) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from librosa's dependencies
def test_dnsmos_rates_noise_lower(rowan: Float32Array) -> None:
    pytest.importorskip("speechmos")
    dnsmos = Dnsmos()
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(rowan)).astype(np.float32)
    clean, noisy = dnsmos.rate(rowan), dnsmos.rate(rowan + noise)
    for score in ("ovrl", "sig", "bak", "p808"):
        assert 1 < getattr(noisy, score) < getattr(clean, score) < 5
