"""Mel spectrograms against RTVC's own and librosa's."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shared.audio.mel
from shared.audio.mel import (
    MEL_FORMAT,
    Array,
    MelFormat,
    mel_amplitudes,
    mel_energies,
    mel_filterbank,
    mel_spectrogram,
)


@pytest.fixture
def noise() -> Array:
    """[16000]"""
    return np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


def test_mel_equals_rtvc(golden: Path) -> None:
    vectors = np.load(golden / "mel.npz")
    mel = mel_spectrogram(vectors["wav"])
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, vectors["mel"], atol=1e-3)


@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "fmin", "fmax"),
    [(16_000, 800, 80, 55, 7600), (16_000, 400, 40, 0, 8000), (22_050, 1024, 80, 0, 8000)],
)
def test_filterbank_equals_librosa(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    bank = mel_filterbank(sample_rate, n_fft, n_mels, fmin, fmax)
    assert bank.dtype == np.float32
    np.testing.assert_allclose(bank, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("power", [1, 2])
def test_mel_energies_equal_librosa(noise: Array, power: int) -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.feature.melspectrogram(
        y=noise, sr=16_000, n_fft=400, hop_length=160, n_mels=40, power=power
    )
    energies = mel_energies(noise, mel_filterbank(16_000, 400, 40, 0, 8000), 160, power)
    np.testing.assert_allclose(energies, expected, rtol=1e-4)


def test_silence_is_the_lowest_value() -> None:
    np.testing.assert_array_equal(mel_spectrogram(np.zeros(800, np.float32)), np.full((80, 5), -4))


def test_loud_sound_is_clipped_at_the_highest_value(noise: Array) -> None:
    mel = mel_spectrogram(noise * 1000)
    assert mel.max() == 4


@pytest.mark.parametrize("samples", [0, 1, 199, 200, 201, 799, 800])
def test_frame_stands_on_every_hop(samples: int) -> None:
    assert mel_spectrogram(np.ones(samples, np.float32)).shape == (80, 1 + samples // 200)


def test_blocks_do_not_show(noise: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mel_spectrogram(noise)
    monkeypatch.setattr(shared.audio.mel, "FRAMES_PER_BLOCK", 7)
    np.testing.assert_allclose(mel_spectrogram(noise), whole, atol=1e-5)


def test_memory_for_a_long_clip_stays_near_the_clip_itself() -> None:
    wav = np.zeros(2 * 60 * 16_000, np.float32)
    tracemalloc.start()
    mel_spectrogram(wav)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * wav.nbytes  # all of its frames at once would alone take that


def test_clip_is_left_as_it_was(noise: Array) -> None:
    before = noise.copy()
    mel_spectrogram(noise)
    np.testing.assert_array_equal(noise, before)


def test_format_survives_a_manifest() -> None:
    manifest = json.loads(json.dumps(MEL_FORMAT.to_dict()))
    MEL_FORMAT.check(manifest)
    assert MelFormat.from_dict(manifest) == MEL_FORMAT


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hop_length": 256}, "hop_length is 256, expected 200"),
        ({"fmin": 0, "fmax": 8000}, "fmax is 8000, expected 7600.*fmin is 0, expected 55"),
        ({"mel_scale": "htk"}, "mel_scale is htk, expected no such key"),
    ],
)
def test_other_format_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        MEL_FORMAT.check(MEL_FORMAT.to_dict() | change)


def test_amplitudes_are_those_that_the_mel_was_made_of(noise: Array) -> None:
    fmt = MEL_FORMAT
    emphasised = noise.copy()
    emphasised[1:] -= np.float32(fmt.preemphasis) * noise[:-1]
    bank = mel_filterbank(fmt.sample_rate, fmt.n_fft, fmt.n_mels, fmt.fmin, fmt.fmax)
    expected = mel_energies(emphasised, bank, fmt.hop_length, power=1)
    amplitudes = mel_amplitudes(mel_spectrogram(noise))
    assert amplitudes.dtype == np.float32
    np.testing.assert_allclose(amplitudes, expected, rtol=1e-4)


def test_incomplete_format_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="n_fft is missing, expected 800"):
        MEL_FORMAT.check({k: v for k, v in MEL_FORMAT.to_dict().items() if k != "n_fft"})


def test_import_needs_numpy_alone() -> None:
    code = (
        "import sys, shared.audio.mel;"
        "assert not {'torch', 'librosa', 'scipy', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
