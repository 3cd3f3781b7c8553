"""Channels that would cancel one another in a mix."""

import io

import av
import numpy as np
import pytest
import soundfile

from shared.audio.files import read_sound
from shared.audio.media import read_media
from shared.audio.phase import OppositePhase, mixed
from shared.http.tensors import Float32Array
from tests.support.media_files import RATE, tone

SILENCE = np.zeros(RATE, np.float32)


def noise(level: float, seed: int = 0) -> Float32Array:
    wav = level * np.random.default_rng(seed).standard_normal(len(tone()))
    return wav.astype(np.float32)


def rms(wav: Float32Array) -> float:
    return float(np.sqrt(np.mean(np.square(wav))))


def wav_file(*channels: Float32Array) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack(channels, axis=1), RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


OPPOSED = {
    "inverted": (tone(), -tone()),
    "inverted, softer": (-0.6 * tone(), tone()),
    "inverted, with noise": (tone() + noise(0.05, 1), -tone() + noise(0.05, 2)),
    "after silence": (np.append(SILENCE, tone()), np.append(SILENCE, -tone())),
    "a pair of six": (0 * tone(), tone(), -tone(), 0 * tone(), noise(0.01), -tone()),
}


@pytest.mark.parametrize("channels", OPPOSED.values(), ids=OPPOSED)
def test_opposite_channels_do_not_cancel_in_a_service(channels: tuple[Float32Array, ...]) -> None:
    clip = read_sound(wav_file(*channels), max_seconds=10)
    wanted = np.mean([rms(channel) for channel in channels])
    assert rms(clip.wav) > 0.8 * wanted


@pytest.mark.parametrize("channels", OPPOSED.values(), ids=OPPOSED)
def test_opposite_channels_do_not_cancel_in_the_gateway(channels: tuple[Float32Array, ...]) -> None:
    wav = read_media(wav_file(*channels), RATE, max_seconds=10)
    assert rms(wav) > 0.5 * max(rms(channel) for channel in channels)


def test_opposite_channels_of_a_compressed_file_do_not_cancel() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=RATE, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.stack([tone(), -tone()]), "fltp", "stereo")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert rms(read_media(file.getvalue(), RATE, max_seconds=10)) > 0.7 * rms(tone())


@pytest.mark.parametrize(
    "channels",
    [(tone(), tone()), (tone(), noise(0.3)), (tone(), 0 * tone()), (noise(0.1, 1), noise(0.1, 2))],
    ids=["the same", "another", "one silent", "unlike"],
)
def test_other_channels_are_averaged(channels: tuple[Float32Array, ...]) -> None:
    clip = read_sound(wav_file(*channels), max_seconds=10)
    np.testing.assert_array_equal(clip.wav, np.stack(channels, axis=1).mean(axis=1))


def test_ordinary_stereo_is_mixed_by_the_gateway_as_ffmpeg_does() -> None:
    wav = read_media(wav_file(tone(), noise(0.1)), RATE, max_seconds=10)
    np.testing.assert_allclose(wav, (tone() + noise(0.1)) / np.sqrt(2), atol=1e-5)


def test_phase_is_judged_by_all_of_the_sound_so_far() -> None:
    phase = OppositePhase()
    for wav in np.array_split(tone(), 20):
        assert rms(mixed(np.stack([wav, -wav], axis=1), phase)) == pytest.approx(rms(wav), rel=1e-3)
    # A few samples that agree by chance do not turn a channel round.
    assert phase.signs(np.full((10, 2), 0.1, np.float32)).tolist() == [1, -1]
