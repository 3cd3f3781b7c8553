import numpy as np

from tests.vocoder_service.conftest import Golden
from vocoder_service.waveform import de_emphasis


def test_de_emphasis_equals_rtvc(vectors: Golden) -> None:
    wave, _ = de_emphasis(vectors["de_emphasis_in"], np.zeros(1))
    np.testing.assert_allclose(wave, vectors["de_emphasis_out"], atol=1e-5)


def test_de_emphasis_of_chunks_equals_that_of_the_whole(vectors: Golden) -> None:
    whole = np.stack([vectors["de_emphasis_in"], vectors["de_emphasis_in"][::-1]])  # [F, N]
    state, chunks = np.zeros((2, 1)), []
    for chunk in np.split(whole, [1, 3, 200, 399], axis=1):
        wave, state = de_emphasis(chunk, state)
        chunks.append(wave)
    expected, _ = de_emphasis(whole, np.zeros((2, 1)))
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), expected)
