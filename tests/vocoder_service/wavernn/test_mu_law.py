import numpy as np

from tests.vocoder_service.conftest import Golden
from vocoder_service.wavernn.mu_law import mu_law_labels, mu_law_levels


def test_mu_law_labels_equal_rtvc(vectors: Golden) -> None:
    labels = mu_law_labels(vectors["mu_law_decoded"], bits=9)
    np.testing.assert_array_equal(labels, vectors["mu_law_labels"])


def test_mu_law_levels_equal_rtvc(vectors: Golden) -> None:
    levels = mu_law_levels(bits=9)[vectors["mu_law_labels"]]
    np.testing.assert_allclose(levels, vectors["mu_law_decoded"], atol=1e-6)


def test_mu_law_error_is_below_a_tenth_of_the_level() -> None:
    wave = np.linspace(-1, 1, 10_001)
    error = np.abs(mu_law_levels(9)[mu_law_labels(wave, 9)] - wave)
    assert np.all(error <= 0.02 * np.abs(wave) + 1e-4)
