from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from vocoder_service.waveform import MEL_MAX, Wave, de_emphasis, output_length
from vocoder_service.wavernn.engine import Array, Engine, FoldState, TorchEngine
from vocoder_service.wavernn.folding import FADE, REACH, plan
from vocoder_service.wavernn.generation import HELD_BACK, generate
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.mu_law import Labels, mu_law_levels

HOP = 200


class CountingEngine(Engine):
    """Counts the frames that are asked of another engine."""

    def __init__(self, engine: TorchEngine) -> None:
        self.hparams, self._engine = engine.hparams, engine
        self.frames = 0

    def aux_features(self, mel: Array) -> Array:
        return self._engine.aux_features(mel)

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        self.frames += aux.shape[1]
        return self._engine.run(state, mel, aux, uniforms, temperature)


class KnownEngine(Engine):
    """Returns known labels: those of the frame whose number / 1000 is in the mel's first band.

    A fold's h1 holds the frame after its last.
    """

    def __init__(self, labels: Labels) -> None:
        self.hparams = Hparams(rnn_dims=1)
        self._labels = labels.reshape(-1, HOP)  # [T, hop]
        self.continued = 0
        self.first_draws: list[float] = []

    def aux_features(self, mel: Array) -> Array:
        return mel[2:-2]

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        np.testing.assert_array_equal(aux, mel[:, 2:-2])
        frames = np.rint(1000 * MEL_MAX * aux[:, 0, 0]).astype(int)
        goes_on = (frames > 0) & (state.h1[:, 0] == frames)
        assert (goes_on | ~state.h1[:, 0].astype(bool)).all()
        self.continued += int(goes_on.sum())
        self.first_draws.extend(uniforms[:, 0].tolist())
        state.h1[:, 0] = frames + 1
        labels: Labels = self._labels[frames]
        return labels


def random_mel(frames: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.uniform(-4, 4, (80, frames)).astype(np.float32)


def whole(chunks: Iterator[Wave]) -> Wave:
    return np.concatenate([*chunks])


@pytest.mark.parametrize(("frames", "samples"), [(1, 200), (2, 200), (3, 400), (30, 5800)])
def test_output_has_the_length_of_the_clip_that_the_mel_describes(
    engine: TorchEngine, frames: int, samples: int
) -> None:
    chunks = [*generate(engine, random_mel(frames), seed=1)]
    assert sum(map(len, chunks)) == output_length(frames, HOP) == samples
    assert all(len(chunk) and chunk.dtype == np.float32 for chunk in chunks)
    assert all(np.abs(chunk).max() <= 1 for chunk in chunks)


def test_output_of_several_rounds_has_the_length_of_the_clip(engine: TorchEngine) -> None:
    assert len(plan(192)) == 2
    assert len(whole(generate(engine, random_mel(192), seed=1))) == 191 * HOP


def test_silence_is_finite(engine: TorchEngine) -> None:
    wave = whole(generate(engine, np.full((80, 5), -4, np.float32), seed=1))
    assert np.isfinite(wave).all()


def test_sound_of_a_lone_fold_is_the_engines_own(engine: TorchEngine) -> None:
    mel = random_mel(6)
    padded: Array = np.pad(mel.T / 4, [(2, 2), (0, 0)], constant_values=-1).astype(np.float32)
    draw = np.random.Generator(np.random.Philox(key=[3, 0]))
    labels = engine.run(
        FoldState.at_rest(1, engine.hparams.rnn_dims),
        padded[np.newaxis],
        engine.aux_features(padded)[np.newaxis],
        draw.random((1, 6 * HOP), dtype=np.float32),
        np.ones(1, np.float32),
    )
    expected, _ = de_emphasis(mu_law_levels(9)[labels[0]], np.zeros(1))
    wave = whole(generate(engine, mel, seed=3))
    body = slice(0, 5 * HOP - FADE)
    np.testing.assert_allclose(wave[body], np.clip(expected[body], -1, 1), atol=1e-6)


def test_sound_fades_out(engine: TorchEngine) -> None:
    wave = whole(generate(engine, random_mel(6), seed=3))
    assert np.abs(wave[-3:]).max() < 0.05 * np.abs(wave).max()


def level_db(wave: Wave, centres: NDArray[np.int64]) -> float:
    """Mean level of the 10 ms around each centre."""
    windows = wave[centres[:, np.newaxis] + np.arange(-80, 80)]
    return float(10 * np.log10(np.mean(windows.astype(np.float64) ** 2)))


def largest_jumps(wave: Wave, centres: NDArray[np.int64]) -> Wave:
    """Between neighbouring samples in the 10 ms around each centre."""
    windows = wave[centres[:, np.newaxis] + np.arange(-80, 80)]
    jumps: Wave = np.abs(np.diff(windows)).max(axis=1)
    return jumps


def test_crossfades_are_as_loud_as_the_rest_of_a_stationary_sound(engine: TorchEngine) -> None:
    frames = 640
    wave = whole(generate(engine, np.repeat(random_mel(1), frames, axis=1), seed=1))
    joins = np.array(
        [
            (start + part.frames) * HOP - REACH - FADE // 2
            for part in plan(frames)
            for start in part.starts[:-1]
        ]
    )
    assert len(joins) > 30
    elsewhere = np.concatenate([joins + 700, joins + 1200])
    assert abs(level_db(wave, joins) - level_db(wave, elsewhere)) < 1
    # No click at any of them: no jump from sample to sample that is not made elsewhere, too.
    assert largest_jumps(wave, joins).max() <= largest_jumps(wave, elsewhere).max()


def test_same_seed_gives_the_same_sound_in_two_threads_at_once(engine: TorchEngine) -> None:
    mel = random_mel(40)
    alone = whole(generate(engine, mel, seed=5))
    with ThreadPoolExecutor(2) as threads:
        same, other = threads.map(lambda seed: whole(generate(engine, mel, seed)), [5, 6])
    np.testing.assert_array_equal(same, alone)
    assert not np.array_equal(other, alone)


@pytest.mark.parametrize("frames", [1, 23, 30, 96, 200, 1000, 1700])
def test_sound_is_the_engines_whatever_the_rounds_and_folds(frames: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(200, 312, frames * HOP).astype(np.int16)
    engine = KnownEngine(labels)
    numbers = np.arange(frames, dtype=np.float32) / 1000
    mel: Array = np.repeat(numbers[np.newaxis], 80, axis=0)
    wave = whole(generate(engine, mel, seed=1))
    expected, _ = de_emphasis(mu_law_levels(9)[labels], np.zeros(1))
    body = slice(0, len(wave) - FADE)
    np.testing.assert_allclose(wave[body], expected[body], atol=1e-6)
    rounds = plan(frames)
    fresh = sum(len(part.starts) for part in rounds) - (len(rounds) - 1)
    assert engine.continued == sum(len(part.starts) * part.frames for part in rounds) - fresh


def test_folds_draw_random_numbers_of_their_own() -> None:
    engine = KnownEngine(np.zeros(200 * HOP, np.int16))
    mel: Array = np.repeat(np.arange(200, dtype=np.float32)[np.newaxis] / 1000, 80, axis=0)
    whole(generate(engine, mel, seed=1))
    assert len(engine.first_draws) > 200
    assert len(set(engine.first_draws)) == len(engine.first_draws)


def test_seed_may_be_any_integer(engine: TorchEngine) -> None:
    assert len(whole(generate(engine, random_mel(2), seed=-(2**70)))) == HOP


def test_first_chunk_comes_after_two_frames(engine: TorchEngine) -> None:
    counting = CountingEngine(engine)
    first = next(generate(counting, random_mel(200), seed=1))
    assert counting.frames == 2
    assert len(first) == 2 * HOP


@pytest.mark.parametrize("frames", [20, 200])
def test_first_corrected_chunk_comes_as_soon_as_the_correction_has_seen_enough(
    engine: TorchEngine, frames: int
) -> None:
    counting = CountingEngine(engine)
    assert len(next(generate(counting, random_mel(frames), seed=1, passes=3))) == HOP
    assert counting.frames == HELD_BACK


def test_corrected_sound_too_fades_out(engine: TorchEngine) -> None:
    loud = np.full((80, 20), 2, np.float32)
    wave = whole(generate(engine, loud, seed=1, passes=3))
    before = np.abs(wave[-2 * FADE : -FADE]).mean()
    assert np.abs(wave[-10:]).mean() < 0.1 * before
    assert np.abs(wave).max() <= 1


@pytest.mark.parametrize("shape", [(80,), (79, 3), (80, 0), (1, 80, 3)])
def test_mel_of_another_shape_is_refused(engine: TorchEngine, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(80, T\)"):
        generate(engine, np.zeros(shape, np.float32), seed=1)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_temperature_that_is_not_above_zero_is_refused(
    engine: TorchEngine, temperature: float
) -> None:
    with pytest.raises(ValueError, match="temperature"):
        generate(engine, random_mel(1), seed=1, temperature=temperature)


def test_temperature_changes_the_sound(engine: TorchEngine) -> None:
    mel = random_mel(3)
    cold, warm = (whole(generate(engine, mel, 1, temperature)) for temperature in (0.5, 1.0))
    assert not np.array_equal(cold, warm)
