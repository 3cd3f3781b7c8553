import numpy as np
import pytest

from encoder_service.features import mel_frames, partial_starts
from encoder_service.hparams import Hparams

HPARAMS = Hparams()


def test_frames_equal_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    wav = np.random.default_rng(0).normal(0, 0.03, 8_000).astype(np.float32)
    expected = librosa.feature.melspectrogram(
        y=wav, sr=16_000, n_fft=400, hop_length=160, n_mels=40
    )
    frames = mel_frames(wav, HPARAMS)
    assert frames.shape == (51, 40)
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames, expected.T, rtol=1e-4)


@pytest.mark.parametrize(
    ("samples", "partials"),  # as RTVC's compute_partial_slices answers
    [
        (1, 1),
        (25_600, 1),
        (31_999, 1),
        (32_000, 2),
        (38_400, 2),
        (44_799, 2),
        (44_800, 3),
        (80_000, 5),
        (960_000, 74),
    ],
)
def test_partials_are_as_many_as_rtvcs(samples: int, partials: int) -> None:
    assert len(partial_starts(samples, HPARAMS)) == partials


def test_partials_overlap_by_half() -> None:
    assert list(partial_starts(44_800, HPARAMS)) == [0, 80, 160]


@pytest.mark.parametrize("samples", range(32_000, 64_000, 1601))
def test_last_partial_is_three_quarters_full(samples: int) -> None:
    last = partial_starts(samples, HPARAMS)[-1] * 160
    assert 0.75 * 25_600 <= samples - last < 1.25 * 25_600
