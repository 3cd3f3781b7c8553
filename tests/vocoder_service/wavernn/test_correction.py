from collections.abc import Iterable, Iterator
from itertools import pairwise

import httpx
import numpy as np
import pytest

from shared.audio.mel import mel_spectrogram
from shared.http.tensors import Float32Array
from tests.conftest import running
from vocoder_service.wavernn.correction import PASSES, corrected

HOP, LAG = 200, 800  # samples; of one pass, at most
FRAMES = 81


def voice() -> Float32Array:
    """[16,000]: harmonics of a gliding pitch, swelling and fading, for a second."""
    time = np.arange((FRAMES - 1) * HOP) / 16_000
    turns = 2 * np.pi * np.cumsum(140 + 60 * time) / 16_000
    harmonics = sum(np.sin(k * turns) / k for k in range(1, 30))
    wave: Float32Array = (0.2 * np.sin(np.pi * time) ** 2 * harmonics).astype(np.float32)
    return wave


def noisy(wave: Float32Array, level: float) -> Float32Array:
    noise = np.random.default_rng(0).standard_normal(len(wave))
    return wave + (level * noise).astype(np.float32)


def whole(wave: Iterable[Float32Array], mel: Float32Array, passes: int = PASSES) -> Float32Array:
    return np.concatenate([*corrected(wave, mel, passes)])


def distance(wave: Float32Array, mel: Float32Array) -> float:
    return float(np.abs(mel_spectrogram(wave) - mel).mean())


def test_each_pass_brings_noisy_sound_nearer_to_its_mel() -> None:
    mel = mel_spectrogram(voice())
    wave = noisy(voice(), 0.01)
    distances = [distance(whole([wave], mel, passes), mel) for passes in range(4)]
    assert all(after < 0.7 * before for before, after in pairwise(distances))
    error = whole([wave], mel) - voice()
    assert np.std(error) < 0.6 * np.std(wave - voice())


def test_sound_that_is_like_its_mel_stays_as_it_is() -> None:
    wave = voice()
    after = whole([wave], mel_spectrogram(wave))
    np.testing.assert_allclose(after, wave, atol=0.02)
    assert np.corrcoef(after, wave)[0, 1] > 0.999


def test_ends_of_loud_sound_are_made_no_louder() -> None:
    loud = voice()[5_000:9_000]
    after = whole([loud], mel_spectrogram(loud))
    for edge in (slice(0, 50), slice(-50, None)):
        assert after[edge].std() < 1.05 * loud[edge].std()


def test_burst_in_the_mel_is_let_through_at_its_time() -> None:
    noise = noisy(np.zeros((FRAMES - 1) * HOP, np.float32), 0.05)
    mel = mel_spectrogram(noise)
    mel[:, :30] = mel[:, 35:] = -4
    after = np.abs(whole([noise], mel))
    assert abs(np.average(np.arange(len(noise)), weights=after**2) - 32 * HOP) < HOP / 2


@pytest.mark.parametrize("decibels", [-10, 10])
def test_sound_gets_the_level_of_its_mel(decibels: float) -> None:
    wave = 0.2 * voice()
    wanted = np.float32(10 ** (decibels / 20)) * wave
    after = whole([wave], mel_spectrogram(wanted))
    level = 20 * np.log10(after[4000:12_000].std() / wave[4000:12_000].std())
    assert level == pytest.approx(decibels, abs=1)


def test_silence_in_the_mel_quietens_noise_and_leaves_silence() -> None:
    silence = np.full((80, FRAMES), -4, np.float32)
    quiet = whole([noisy(np.zeros((FRAMES - 1) * HOP, np.float32), 0.01)], silence)
    assert quiet.std() < 0.01 / 20  # nearly as low as a mel can tell
    assert not whole([np.zeros((FRAMES - 1) * HOP, np.float32)], silence).any()


def test_chunks_make_no_difference_and_none_is_lost() -> None:
    mel, wave = mel_spectrogram(voice()), noisy(voice(), 0.01)
    chunks = np.split(wave, [1, 250, 1050, 1050, 6100, 6199])
    np.testing.assert_allclose(whole(chunks, mel), whole([wave], mel), atol=1e-6)
    assert np.array_equal(whole(chunks, mel), whole(chunks, mel))


@pytest.mark.parametrize(("frames", "samples"), [(1, 200), (2, 200), (3, 400), (4, 600), (9, 1600)])
@pytest.mark.parametrize("passes", [0, 1, 3])
def test_as_many_samples_come_out_as_went_in(frames: int, samples: int, passes: int) -> None:
    mel = mel_spectrogram(voice())[:, :frames]
    assert len(whole([voice()[:samples]], mel, passes)) == samples


def test_sound_leaves_a_little_later_than_it_came() -> None:
    came = left = 0

    def arriving() -> Iterator[Float32Array]:
        nonlocal came
        for chunk in np.split(voice(), 40):
            assert came - left <= PASSES * LAG
            came += len(chunk)
            yield chunk

    for chunk in corrected(arriving(), mel_spectrogram(voice()), PASSES):
        assert len(chunk)
        left += len(chunk)
    assert left == came == len(voice())


def test_listener_that_leaves_ends_the_source_too() -> None:
    ended = False

    def source() -> Iterator[Float32Array]:
        nonlocal ended
        try:
            yield from np.split(voice(), 10)
        finally:
            ended = True

    chunks = corrected(source(), mel_spectrogram(voice()), PASSES)
    next(chunks)
    assert not ended
    del chunks
    assert ended


def test_without_passes_sound_is_the_networks_alone() -> None:
    wave = noisy(voice(), 0.01)
    assert np.array_equal(whole([wave], mel_spectrogram(voice()), 0), wave)


def test_service_corrects_unless_told_not_to(wavernn: httpx.Client, mel: Float32Array) -> None:
    def heard(url: str) -> Float32Array:
        body = {"spec": mel.tolist(), "seed": 1}
        answer = httpx.post(f"{url}/inference/", json=body, timeout=60).raise_for_status()
        return np.array(answer.json()["wav"], np.float32)

    corrected_wave = heard(str(wavernn.base_url))
    with running("vocoder", VOCODER="wavernn", CORRECTION_PASSES="0") as url:
        raw = heard(url)
    assert len(raw) == len(corrected_wave)
    target = mel[:, : 1 + len(raw) // HOP]
    assert distance(corrected_wave, target) < 0.5 * distance(raw, target)
