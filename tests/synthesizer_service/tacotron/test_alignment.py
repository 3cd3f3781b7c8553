import numpy as np
import pytest

from shared.http.tensors import Float32Array
from synthesizer_service.tacotron.alignment import (
    LAG,
    MAX_ADVANCE,
    Span,
    audible_spans,
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
    spans = word_spans(attention_of(path, 8), [(0, 2), (3, 5), (6, 7)], STEP, [Span(0, 9)])
    (a, b), (c, d), (e, f) = spans
    assert (a, b) == pytest.approx((0, 40 * STEP - LAG))
    assert (c, d) == pytest.approx((42 * STEP - LAG, 84 * STEP - LAG))
    assert (e, f) == pytest.approx((124 * STEP - LAG, 144 * STEP - LAG))


def test_words_lie_within_the_audible_part() -> None:
    path = [0] * 10 + [1] * 10 + [2] * 10
    spans = word_spans(attention_of(path, 3), [(0, 1), (1, 2), (2, 3)], STEP, [Span(0.05, 0.2)])
    assert all(0.05 <= start <= end <= 0.2 for start, end in spans)
    assert (spans[0].start, spans[-1].end) == (0.05, 0.2)


def test_last_word_lasts_until_the_sound_ends_unless_a_pause_follows() -> None:
    attention = attention_of([0] * 20 + [1] * 5 + [2] * 10, 3)
    assert word_spans(attention, [(0, 1)], STEP, [Span(0, 0.3)])[0].end == 0.3
    assert word_spans(attention, [(0, 1)], STEP, [Span(0, 0.4)])[0].end == pytest.approx(0.25 - LAG)


def test_no_words_have_no_times() -> None:
    assert word_spans(attention_of([0, 1], 2), [], STEP, [Span(0, 1)]) == []


def test_silence_at_both_ends_is_not_audible() -> None:
    mel = np.full((80, 40), -4, np.float32)
    mel[30, 8:32] = 2.0
    mel[10, 4:8] = -1.5  # 44 dB below
    [span] = audible_spans(mel)
    assert span == pytest.approx((8 * STEP, 32 * STEP))


def test_pause_parts_the_audible_sound_and_a_short_gap_does_not() -> None:
    mel = np.full((80, 60), -4, np.float32)
    mel[30, [*range(20), *range(25, 40), *range(55, 60)]] = 2.0
    first, second = audible_spans(mel)
    assert (*first, *second) == pytest.approx((0, 40 * STEP, 55 * STEP, 60 * STEP))


def test_sound_of_one_level_is_audible_throughout() -> None:
    [span] = audible_spans(np.full((80, 8), -4, np.float32))
    assert span == pytest.approx((0, 0.1))


def test_pause_between_two_words_belongs_to_neither() -> None:
    path = [0] * 20 + [1] * 20 + [2] * 20
    audible = [Span(0, 0.2), Span(0.4, 0.75)]
    first, second, third = word_spans(
        attention_of(path, 3), [(0, 1), (1, 2), (2, 3)], STEP, audible
    )
    assert (*first, *second) == pytest.approx((0, 0.2, 0.4, 40 * STEP - LAG))
    assert third.end == 0.75


def test_pause_within_a_word_moves_nothing() -> None:
    path = [0] * 40 + [1] * 40
    whole = word_spans(attention_of(path, 2), [(0, 1), (1, 2)], STEP, [Span(0, 1)])
    audible = [Span(0, 0.15), Span(0.3, 1)]
    assert word_spans(attention_of(path, 2), [(0, 1), (1, 2)], STEP, audible) == whole


def test_span_of_two_words_is_divided_by_their_length() -> None:
    (number, first), (unit, second) = divided(["1,234.50", "euros"], Span(1.0, 2.3))
    assert (number, unit) == ("1,234.50", "euros")
    assert [*first, *second] == pytest.approx([1.0, 1.8, 1.8, 2.3])
