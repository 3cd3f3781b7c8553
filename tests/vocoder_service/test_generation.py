from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vocoder_service.engine import Array, FoldState, TorchEngine
from vocoder_service.folding import FADE, plan
from vocoder_service.generation import generate, output_length
from vocoder_service.waveform import Labels, Wave, de_emphasis, mu_law_levels

HOP = 200


class CountingEngine:
    """Counts the frames that are asked of another engine."""

    def __init__(self, engine: TorchEngine) -> None:
        self.hparams, self.describe = engine.hparams, engine.describe
        self._run = engine.run
        self.frames = 0

    def run(
        self, state: FoldState, mel: Array, aux: Array, uniforms: Array, temperature: Array
    ) -> Labels:
        self.frames += aux.shape[1]
        return self._run(state, mel, aux, uniforms, temperature)


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
    padded = np.pad(mel.T / 4, [(2, 2), (0, 0)], constant_values=-1)
    draw = np.random.Generator(np.random.Philox(key=[3, 0]))
    labels = engine.run(
        FoldState.at_rest(1, engine.hparams.rnn_dims),
        padded[np.newaxis],
        engine.describe(padded)[np.newaxis],
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


def test_same_seed_gives_the_same_sound_in_two_threads_at_once(engine: TorchEngine) -> None:
    mel = random_mel(40)
    alone = whole(generate(engine, mel, seed=5))
    with ThreadPoolExecutor(2) as threads:
        same, other = threads.map(lambda seed: whole(generate(engine, mel, seed)), [5, 6])
    np.testing.assert_array_equal(same, alone)
    assert not np.array_equal(other, alone)


def test_seed_may_be_any_integer(engine: TorchEngine) -> None:
    assert len(whole(generate(engine, random_mel(2), seed=-(2**70)))) == HOP


def test_first_chunk_comes_after_two_frames(engine: TorchEngine) -> None:
    counting = CountingEngine(engine)
    first = next(generate(counting, random_mel(200), seed=1))
    assert counting.frames == 2
    assert len(first) == 2 * HOP


def test_cancelled_stops_within_a_frame(engine: TorchEngine) -> None:
    counting = CountingEngine(engine)
    chunks = [*generate(counting, random_mel(100), 1, cancelled=lambda: counting.frames >= 5)]
    assert counting.frames == 5
    assert sum(map(len, chunks)) <= 5 * HOP
