import numpy as np
import pytest

from client.speech import stretch
from shared.http.tensors import Float32Array


@pytest.fixture
def ramp() -> Float32Array:
    """[80, 40]: every band rises evenly, one from where the band below it ended."""
    bands, frames = np.arange(80)[:, None], np.arange(40)
    return (bands / 10 + frames / 40 - 4).astype(np.float32)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.9, 1.0, 1.1, 2.0, 3.3, 4.0])
def test_duration_is_divided_by_the_speed(speed: float, ramp: Float32Array) -> None:
    stretched = stretch(ramp, speed)

    assert stretched.shape == (80, round(40 / speed))
    assert stretched.dtype == np.float32


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.9, 1.1, 2.0, 4.0])
def test_bands_stay_where_they_are(speed: float, ramp: Float32Array) -> None:
    means = stretch(ramp, speed).mean(axis=1)

    np.testing.assert_allclose(means, ramp.mean(axis=1), atol=0.02)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_time_runs_evenly_between_the_ends(speed: float, ramp: Float32Array) -> None:
    steps = np.diff(stretch(ramp, speed)[0])

    np.testing.assert_allclose(steps[1:-1], speed / 40, atol=1e-5)
    assert (steps >= 0).all()


@pytest.mark.parametrize("speed", [0.3, 0.77, 1.9, 4.0])
def test_values_stay_within_those_of_the_frames(speed: float, ramp: Float32Array) -> None:
    noise = np.random.default_rng(1).uniform(-4, 4, (80, 50)).astype(np.float32)

    stretched = stretch(noise, speed)

    assert (stretched <= noise.max(axis=1, keepdims=True)).all()
    assert (stretched >= noise.min(axis=1, keepdims=True)).all()


def test_normal_speed_changes_nothing(ramp: Float32Array) -> None:
    np.testing.assert_array_equal(stretch(ramp, 1.0), ramp)


@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_a_single_frame_remains_speech(speed: float, ramp: Float32Array) -> None:
    stretched = stretch(ramp[:, :1], speed)

    assert stretched.shape[1] >= 1
    np.testing.assert_allclose(stretched, np.repeat(ramp[:, :1], stretched.shape[1], axis=1))
