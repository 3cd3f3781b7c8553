import numpy as np
import pytest

from shared.http.tensors import Float32Array
from synthesizer_service.tacotron.alignment import (
    LAG,
    MAX_ADVANCE,
    Span,
    divided,
    monotonic_path,
    word_spans,
)

STEP = 0.0125  # seconds


def attention_of(path: list[int], symbols: int, noise: float = 0.0) -> Float32Array:
    """[S, L]: 0.9 on each step's symbol, and noise from a fixed seed elsewhere."""
    generator = np.random.default_rng(1)
    weights = noise * generator.random((len(path), symbols)) + 1e-6
    weights[np.arange(len(path)), path] = 0.9
    shares: Float32Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def test_path_follows_a_clear_attention() -> None:
    path = [0, 0, 1, 1, 1, 2, 3, 3, 4]
    assert monotonic_path(attention_of(path, 5)).tolist() == path


def test_path_never_goes_back_where_the_attention_does() -> None:
    path = monotonic_path(attention_of([0, 1, 2, 3, 1, 4, 4, 0, 5, 5], 6, noise=0.2))
    assert (np.diff(path) >= 0).all()
    assert path[[0, 1, 2, 5, 8]].tolist() == [0, 1, 2, 4, 5]


def test_path_advances_by_no_more_than_the_limit() -> None:
    path = monotonic_path(attention_of([0, 0, 19, 19, 19, 19, 19, 19], 20))
    assert np.diff(path).max() <= MAX_ADVANCE
    assert path[-1] == 19


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 200), (200, 3)])
def test_path_of_any_shape_is_one_symbol_a_step(shape: tuple[int, int]) -> None:
    weights = np.full(shape, 1 / shape[1], np.float32)
    path = monotonic_path(weights)
    assert path.shape == (shape[0],)
    assert ((path >= 0) & (path < shape[1])).all()


def test_words_lie_between_their_symbols_with_a_short_gap_halved() -> None:
    # Two words of two symbols, a space between them of four steps, a pause of 40 steps, a word.
    path = [0] * 20 + [1] * 20 + [2] * 4 + [3] * 20 + [4] * 20 + [5] * 40 + [6] * 20 + [7]
    spans = word_spans(attention_of(path, 8), [(0, 2), (3, 5), (6, 7)], STEP, len(path) * STEP)
    (a, b), (c, d), (e, f) = spans
    assert (a, b) == pytest.approx((0, 40 * STEP - LAG))
    assert (c, d) == pytest.approx((42 * STEP - LAG, 84 * STEP - LAG))
    assert (e, f) == pytest.approx((124 * STEP - LAG, 144 * STEP - LAG))


def test_words_end_within_the_sound() -> None:
    path = [0] * 10 + [1] * 10 + [2] * 10
    spans = word_spans(attention_of(path, 3), [(0, 1), (1, 2), (2, 3)], STEP, 0.2)
    assert all(0 <= start <= end <= 0.2 for start, end in spans)


def test_no_words_have_no_times() -> None:
    assert word_spans(attention_of([0, 1], 2), [], STEP, 1.0) == []


def test_span_of_two_words_is_divided_by_their_length() -> None:
    (number, first), (unit, second) = divided(["1,234.50", "euros"], Span(1.0, 2.3))
    assert (number, unit) == ("1,234.50", "euros")
    assert [*first, *second] == pytest.approx([1.0, 1.8, 1.8, 2.3])
