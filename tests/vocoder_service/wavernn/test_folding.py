from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from vocoder_service.wavernn.folding import (
    FADE,
    FIRST_ROUND,
    GROWTH,
    MAX_FOLDS,
    MAX_ROUND_FRAMES,
    OVERLAP,
    REACH,
    best_lag,
    fade_in,
    first_crossfade,
    join,
    plan,
)

HOP = 200
LENGTHS = [1, 2, 23, 24, 100, FIRST_ROUND, 191, 192, 400, 863, 864, 865, 4800, 20_000]


def folded(wave: NDArray[np.float32], frames: int) -> tuple[NDArray[np.float32], list[int]]:
    """A wave cut as the plan's first round would have it: waves [F, N], their first samples."""
    part = plan(frames)[0]
    starts = [frame * HOP for frame in part.starts]
    return np.stack([wave[start : start + part.frames * HOP] for start in starts]), starts


@pytest.mark.parametrize("frames", LENGTHS)
def test_plan_covers_every_frame_once(frames: int) -> None:
    rounds = plan(frames)
    bounds = [(part.starts[0], part.starts[-1] + part.frames) for part in rounds]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == frames
    assert all(stop == start for (_, stop), (start, _) in pairwise(bounds))


@pytest.mark.parametrize("frames", LENGTHS)
def test_plan_overlaps_neighbours_enough_to_warm_up(frames: int) -> None:
    for part in plan(frames):
        overlaps = [start + part.frames - after for start, after in pairwise(part.starts)]
        assert all(OVERLAP <= overlap <= OVERLAP + 2 for overlap in overlaps)
        assert all(overlap * HOP - 2 * REACH - FADE >= 240 for overlap in overlaps)


@pytest.mark.parametrize("frames", LENGTHS)
def test_plan_bounds_the_work_of_a_round(frames: int) -> None:
    for part in plan(frames):
        assert len(part.starts) <= MAX_FOLDS
        assert part.frames <= MAX_ROUND_FRAMES // MAX_FOLDS + OVERLAP


@pytest.mark.parametrize("frames", [300, 864, 2_000, 4_800])
def test_plan_of_a_long_utterance_starts_short_and_grows(frames: int) -> None:
    ends = [part.starts[-1] + part.frames for part in plan(frames)]
    made = np.diff([0, *ends])
    assert made[0] == FIRST_ROUND
    assert all(after <= GROWTH * before + 1 for before, after in pairwise(made))
    assert all(after >= before - 1 for before, after in pairwise(made))


def test_fades_sum_to_one() -> None:
    waves, starts = folded(np.ones(96 * HOP, np.float32), 96)
    wave, _ = join(waves, starts, lag=0, heard=0)
    np.testing.assert_allclose(wave, 1, atol=1e-6)
    assert np.all(np.diff(fade_in()) > 0)


def test_join_of_one_wave_in_folds_gives_it_back() -> None:
    noise = np.random.default_rng(0).standard_normal(96 * HOP).astype(np.float32)
    wave, lag = join(*folded(noise, 96), lag=0, heard=0)
    np.testing.assert_allclose(wave, noise, atol=1e-6)
    assert lag == 0


def test_join_gives_only_what_was_not_heard() -> None:
    noise = np.random.default_rng(0).standard_normal(96 * HOP).astype(np.float32)
    waves, starts = folded(noise, 96)
    heard = first_crossfade(waves, lag=0)
    wave, _ = join(waves, starts, lag=0, heard=heard)
    np.testing.assert_allclose(wave, noise[heard:], atol=1e-6)


def test_join_of_a_lone_fold_is_the_fold() -> None:
    waves, starts = folded(np.arange(20 * HOP, dtype=np.float32), 20)
    assert first_crossfade(waves, lag=30) == 20 * HOP
    wave, lag = join(waves, starts, lag=30, heard=400)
    np.testing.assert_array_equal(wave, waves[0, 400:])
    assert lag == 30


def test_join_mends_the_phase_of_a_tone() -> None:
    starts, samples = plan(96)[0].starts, plan(96)[0].frames * HOP
    rng = np.random.default_rng(0)
    tones = np.stack(
        [
            np.sin(2 * np.pi * 110 / 16_000 * np.arange(samples) + phase)
            for phase in rng.uniform(0, 6, len(starts))
        ]
    ).astype(np.float32)
    wave, lag = join(tones, [start * HOP for start in starts], lag=0, heard=0)
    steepest = 2 * np.pi * 110 / 16_000
    assert np.abs(np.diff(wave)).max() < 1.05 * steepest
    assert abs(len(wave) - 96 * HOP) == abs(lag) <= REACH
    levels = np.sqrt(np.mean(wave[: 96 * HOP // 1600 * 1600 - 1600].reshape(-1, 1600) ** 2, axis=1))
    np.testing.assert_allclose(levels, np.sqrt(0.5), rtol=0.03)


@pytest.mark.parametrize("shift", [-REACH, -1, 0, 57, REACH])
def test_best_lag_finds_the_shift(shift: int) -> None:
    noise = np.random.default_rng(0).standard_normal(FADE + 2 * REACH).astype(np.float32)
    tail = 0.3 * noise[REACH + shift : REACH + shift + FADE]
    assert best_lag(tail, noise) == shift
